"""The page as a file: it needs no other, its links lead somewhere, its text is escaped, its colours can be read."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from eval.report.page import TEMPLATES, in_script, link, render_report
from tests.report.example import report
from tests.support.table_runs import DEMO

SCHEMES = re.findall(r":root \{(.*?)\}", (TEMPLATES / "report.css").read_text(encoding="utf-8"), flags=re.DOTALL)
HOSTILE = "<script>alert('&')</script>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return render_report(report(tmp_path_factory.mktemp("report")))


def test_equal_files_make_equal_pages(tmp_path: Path) -> None:
    assert render_report(report(tmp_path)) == render_report(report(tmp_path))


def test_nothing_is_fetched_and_every_link_leads_to_a_place_on_the_page(page: str) -> None:
    assert "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=[\"'](?!#)|url\(|@import|https?://", page)
    places = set(re.findall(r' id="([^"]+)"', page))
    targets = set(re.findall(r' href="#([^"]+)"', page))
    assert "run/horse2zebra/enco/seed1" in targets and "inputs/cat2dog" in targets
    assert targets <= places
    pictures = set(re.findall(r'data-picture="([^"]+)"', page))
    assert pictures and all(f'"{key}": "data:image/webp;base64,' in page for key in pictures)


def test_names_of_users_are_text_in_elements_and_in_the_script(tmp_path: Path) -> None:
    found = report(tmp_path)
    named = replace(found.viewer[0], title=HOSTILE, images=[HOSTILE] * 4)
    about = {"missing": [(HOSTILE, [HOSTILE])], "about": [(HOSTILE, HOSTILE)], "tasks": {"x": HOSTILE}}
    page = render_report(replace(found, viewer=[named], **about))  # type: ignore[arg-type]
    assert "<script>alert" not in page and "\\u003cscript>alert" in page and "&lt;script&gt;alert" in page


def test_what_a_script_element_holds_cannot_end_it() -> None:
    assert "</" not in in_script({"a": "</script>"}) and in_script([1, "é"]) == '[1, "é"]'


def test_a_place_is_linked_whatever_its_options_are() -> None:
    assert link("run/cat2dog/enco+pairs=3-28_7-24/seed0") == "#run/cat2dog/enco+pairs=3-28_7-24/seed0"
    assert link("run/a b/%") == "#run/a%20b/%25"


def test_deltas_can_be_asked_for_only_where_there_are_some(tmp_path: Path, page: str) -> None:
    other = render_report(report(tmp_path, DEMO))
    assert 'value="deltas"' in page and "There is no delta" not in page
    assert 'value="deltas"' not in other and "There is no delta" in other


def test_what_is_missing_is_said_in_its_part(tmp_path: Path) -> None:
    found = report(tmp_path)
    page = render_report(replace(found, viewer=[], figures=[], runs=[], inputs=[], trained=0))
    for sentence in ("Nothing is translated yet", "No task has translations", "Nothing is trained yet"):
        assert sentence in page
    assert "not trained yet (1)" in page and "Not measured yet." in page and "0 of 12 trainings" in page


def test_a_cell_without_a_number_leads_to_the_reason(page: str) -> None:
    (first,) = set(re.findall(r'<a class="absent" title="pending" href="#([^"]+)">–</a>', page))
    assert f'<li id="{first}" tabindex="-1">pending</li>' in page


def test_a_box_stands_for_every_task_and_method_of_which_there_is_something_and_for_no_other(page: str) -> None:
    boxes = re.findall(r'<input type="checkbox" name="(\w+)" value="(\w+)"', page)
    assert boxes == [
        *(("task", name) for name in ("cat2dog", "horse2zebra")),
        *(("method", name) for name in ("cyclegan", "cut", "enco")),
    ]


def test_a_table_whose_numbers_do_not_go_together_says_why(tmp_path: Path) -> None:
    found = report(tmp_path)
    failed = replace(found.tables[0], error="One table cannot mix extractors.", headline=None)
    assert "One table cannot mix extractors." in render_report(replace(found, tables=[failed]))


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", SCHEMES, ids=["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(scheme: str) -> None:
    """4.5 to 1, on the page and on the bands of tables."""
    colours = dict(re.findall(r"--([a-z]+): #([0-9a-f]{6})", scheme))
    for text in ("ink", "soft", "link", "best", "bad"):
        for ground in ("page", "band"):
            low, high = sorted((luminance(colours[text]), luminance(colours[ground])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, f"{text} on {ground}"
