"""The page in a real Chromium, opened as a file: what a reader clicks, types and sees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from eval.report.page import render_report
from tests.report.example import report

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
HEADLINE = "table.sortable >> nth=0"
FIRST_COLUMN = "table.sortable >> nth=0 >> tbody tr"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    (folder / "report.html").write_text(render_report(report(folder)), encoding="utf-8")
    return (folder / "report.html").as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Open the page at a desktop's width, without a network; an error of the script fails the test."""
    yield from opened(browser, address, DESKTOP)


def opened(browser: Browser, address: str, size: dict[str, int], dark: bool = False) -> Iterator[Page]:
    context = browser.new_context(viewport=size, offline=True, color_scheme="dark" if dark else "light")  # type: ignore[arg-type]
    page, said = context.new_page(), list[str]()
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto(address)
    yield page
    context.close()
    assert said == []


def rows(page: Page) -> list[str]:
    return page.locator(f"{HEADLINE} >> tbody th").all_inner_texts()


def test_a_header_sorts_the_better_first_then_the_worse_then_as_in_the_paper(page: Page) -> None:
    """Rows without a number come after those with one, and the untranslated inputs stay last."""
    header = page.locator(f"{HEADLINE} >> th[data-better] >> nth=0")
    order = [rows(page)]
    for direction in ("ascending", "descending", None):
        header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == direction
        order.append(rows(page))
    last = "untranslated inputs"
    written = ["CycleGAN", "CUT", "EnCo", last]
    assert order == [written, ["EnCo", "CUT", "CycleGAN", last], ["CUT", "EnCo", "CycleGAN", last], written]


def test_what_is_better_higher_is_sorted_from_the_highest(page: Page) -> None:
    page.get_by_role("button", name="sort by Horse→Zebra P & R").first.click()
    assert rows(page)[:2] == ["CUT", "EnCo"]
    expect(page.locator("#status")).to_have_text("Sort by Horse→Zebra P & R, descending.")


def test_deltas_are_sorted_as_they_are_shown(page: Page) -> None:
    """EnCo is lower than CUT, but CUT is further below what the paper has of it."""
    page.get_by_label("measured − published").check()
    cell = page.locator(FIRST_COLUMN).nth(2).locator("td").first
    expect(cell.locator(".deltas")).to_be_visible()
    assert cell.locator(".numbers").filter(visible=True).count() == 0, "neither measured nor published"
    page.locator(f"{HEADLINE} >> th[data-better] >> nth=0").get_by_role("button").click()
    assert rows(page)[:2] == ["CUT", "EnCo"]
    page.get_by_label("numbers", exact=True).check()
    assert rows(page)[:2] == ["EnCo", "CUT"], "the same column, by what is shown"


def test_tasks_and_methods_are_filtered_in_tables_runs_figures_and_images(page: Page) -> None:
    def shown() -> tuple[int, int, int, int]:
        places = (f"{HEADLINE} >> thead tr:last-child th", f"{HEADLINE} >> tbody tr", "#runs .run", "#figures figure")
        counts = [page.locator(place).filter(visible=True).count() for place in places]
        return counts[0], counts[1], counts[2], counts[3]

    assert shown() == (5, 4, 10, 2)
    page.get_by_label("Cat→Dog", exact=True).first.uncheck()
    assert shown() == (4, 4, 5, 1), "the figure of both tasks stays"
    page.get_by_label("CUT", exact=True).uncheck()
    assert shown() == (4, 3, 3, 1)
    assert page.locator("#all-methods figure").filter(visible=True).count() == 2
    expect(page.locator("#status")).to_have_text("Shown: 1 of 2 tasks, 2 of 3 methods.")
    page.get_by_role("button", name="no methods").click()
    assert rows_shown(page) == ["untranslated inputs"]
    page.get_by_role("button", name="no tasks").click()
    assert page.locator(".table").filter(visible=True).count() == 0, "a table without a cell"
    assert page.locator("#figures figure").filter(visible=True).count() == 0
    for name in ("all methods", "all tasks"):
        page.get_by_role("button", name=name).click()
    assert shown() == (5, 4, 10, 2)


def rows_shown(page: Page) -> list[str]:
    return page.locator(f"{HEADLINE} >> tbody th").filter(visible=True).all_inner_texts()


def test_a_number_leads_to_its_run_and_each_seed_to_its_own(page: Page) -> None:
    run = page.locator("[id='run/cat2dog/enco/seed0']")
    expect(run.locator("dl").first).to_be_hidden()
    assert run.locator("img").first.get_attribute("src") is None, "a closed run has no decoded picture"
    cell = page.locator(FIRST_COLUMN).nth(2).locator("td").first
    cell.get_by_role("link").first.click()
    expect(run.get_by_text("fedcba987654")).to_be_in_viewport()
    expect(run.locator("img").first).to_have_js_property("naturalWidth", 16)
    assert page.evaluate("document.activeElement.parentElement.id") == "run/cat2dog/enco/seed0"
    cell.get_by_role("link", name="1", exact=True).click()
    expect(page.locator("[id='run/cat2dog/enco/seed1'] dl").first).to_be_visible()
    page.locator(f"{FIRST_COLUMN} >> nth=3 >> td >> nth=0 >> a").click()
    expect(page.locator("[id='inputs/cat2dog'] table")).to_be_visible()


def test_a_link_from_elsewhere_opens_the_run_also_where_a_filter_hides_it(page: Page, address: str) -> None:
    page.get_by_label("CUT", exact=True).uncheck()
    page.evaluate("location.hash = '#run/horse2zebra/cut/seed0'")
    expect(page.locator("[id='run/horse2zebra/cut/seed0'] dl").first).to_be_visible()
    page.goto("about:blank")
    page.goto(f"{address}#run/horse2zebra/enco/seed1")
    expect(page.locator("[id='run/horse2zebra/enco/seed1'] dl").first).to_be_visible()


def test_a_run_that_a_link_has_opened_stays_while_images_are_compared(page: Page) -> None:
    page.get_by_label("CUT", exact=True).uncheck()
    page.evaluate("location.hash = '#run/horse2zebra/cut/seed0'")
    page.get_by_label("Test image").fill("2")
    expect(page.locator("[id='run/horse2zebra/cut/seed0'] dl").first).to_be_visible()
    assert page.locator("#all-methods figure").filter(visible=True).count() == 2, "CUT's images stay hidden"


def test_an_address_that_is_none_opens_nothing_and_breaks_nothing(page: Page, address: str) -> None:
    page.goto("about:blank")
    page.goto(f"{address}#%")
    expect(page.locator("#status")).to_have_text("Shown: 2 of 2 tasks, 3 of 3 methods.")
    assert page.locator("details[open]").count() == page.locator("#missing details").count()


def test_a_dash_leads_to_why_there_is_no_number_by_click_and_by_keyboard(page: Page) -> None:
    reason = page.locator("[id='why/table1/1']")
    expect(reason).to_be_hidden()
    page.locator(f"{FIRST_COLUMN} >> nth=0 >> td >> nth=0 >> a").focus()
    page.keyboard.press("Enter")
    expect(reason).to_be_in_viewport()
    expect(reason).to_be_focused()
    expect(reason).to_have_text("pending")


def test_controls_say_what_is_shown_after_a_reader_comes_back(page: Page, address: str) -> None:
    page.get_by_label("CUT", exact=True).uncheck()
    page.get_by_label("differences to the best").check()
    page.get_by_label("Task", exact=True).select_option(label="Horse→Zebra")
    page.get_by_label("Test image").fill("3")
    page.get_by_label("Left over right").fill("25")
    page.goto("about:blank")
    page.go_back()
    expect(page.locator("#status")).to_contain_text("Shown")
    page.wait_for_load_state()
    assert page.get_by_label("CUT", exact=True).is_checked() == ("CUT" in rows_shown(page))
    view = page.locator("input[name=view]:checked").get_attribute("value")
    assert page.evaluate("document.body.dataset.view") == view
    chosen = page.locator("#viewer-task").evaluate("choice => choice.selectedOptions[0].text")
    expect(page.locator("#left-image")).to_have_js_property("alt", f"{page.locator('#image').input_value()}, input")
    assert chosen == "Cat→Dog" and page.locator("#cut").input_value() == "50"


COLOUR = """image => {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  return [...context.getImageData(4, 4, 1, 1).data].slice(0, 3);
}"""


def colour(page: Page, place: str) -> list[int]:
    expect(page.locator(place)).to_have_js_property("complete", True)
    return [int(part) for part in page.locator(place).evaluate(COLOUR)]


def test_the_slider_moves_all_methods_to_the_next_input(page: Page) -> None:
    first = [colour(page, f"#all-methods img >> nth={number}") for number in range(3)]
    assert [max(range(3), key=one.__getitem__) for one in first] == [0, 2, 1], "input red, EnCo blue, CUT green"
    slider = page.get_by_label("Test image")
    slider.fill("3")
    expect(page.locator("#image-name")).to_have_text("3 (4 of 4)")
    assert slider.get_attribute("aria-valuetext") == "3"
    last = [colour(page, f"#all-methods img >> nth={number}") for number in range(3)]
    assert all(after[part] > before[part] + 15 for part, before, after in zip((0, 2, 1), first, last, strict=True))


def test_two_columns_lie_over_each_other_with_a_line_between_them(page: Page) -> None:
    page.get_by_label("Left", exact=True).select_option(label="CUT")
    expect(page.locator("#left-name")).to_have_text("CUT")
    expect(page.locator("#right-name")).to_have_text("EnCo")
    over, under = colour(page, "#over"), colour(page, "#under")
    assert over[1] == max(over) and under[2] == max(under), "CUT is green, EnCo blue"
    page.get_by_label("Left over right").fill("25")
    clip = page.locator("#over").evaluate("image => getComputedStyle(image).clipPath")
    assert clip in ("inset(0px 75% 0px 0px)", "inset(0px calc(75%) 0px 0px)")
    page.get_by_label("Task", exact=True).select_option(label="Horse→Zebra")
    expect(page.locator("#image-name")).to_have_text("0 (1 of 4)")


def test_a_reader_without_a_mouse_sorts_filters_and_compares(page: Page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#tables")).to_be_in_viewport()
    page.get_by_label("Cat→Dog", exact=True).first.focus()
    page.keyboard.press("Space")
    assert page.locator(f"{HEADLINE} >> thead tr:last-child th").filter(visible=True).count() == 4
    page.get_by_role("button", name="sort by Horse→Zebra FID").first.focus()
    page.keyboard.press("Enter")
    assert rows(page)[:2] == ["EnCo", "CUT"]
    page.get_by_label("Test image").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#image-name")).to_have_text("1 (2 of 4)")
    page.get_by_label("Left over right").focus()
    page.keyboard.press("End")
    assert page.locator(".wipe").evaluate("wipe => wipe.style.getPropertyValue('--cut')") == "100%"


def test_every_control_shows_that_it_has_the_focus(page: Page) -> None:
    """Tab goes through the page; whatever has the focus has an outline of at least 2 pixels."""
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        name, width = page.evaluate(
            "[document.activeElement.tagName, parseFloat(getComputedStyle(document.activeElement).outlineWidth)]"
        )
        seen.add(name)
        assert width >= 2, name
    assert seen >= {"A", "INPUT", "BUTTON", "DIV"}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_does_not_scroll_sideways_and_its_text_can_be_read(
    browser: Browser, address: str, size: dict[str, int], dark: bool
) -> None:
    for page in opened(browser, address, size, dark):
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        wide, ground, ink = page.evaluate(
            "[document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor,"
            " getComputedStyle(document.body).color]"
        )
        assert wide <= size["width"]
        assert (brightness(ground) < 0.2 < 0.8 < brightness(ink)) if dark else (brightness(ground) > brightness(ink))


def brightness(colour: str) -> float:
    parts = [int(part) for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
    return sum(parts) / 3 / 255


def test_controls_have_names_and_cells_have_headers(page: Page) -> None:
    unnamed = page.evaluate(
        """[...document.querySelectorAll('input, select, button')].filter(one =>
             !(one.labels && one.labels.length) && !one.getAttribute('aria-label') && !one.textContent.trim()).length"""
    )
    assert unnamed == 0
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator(f"{HEADLINE} >> thead th:not([scope])").count() == 0
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
