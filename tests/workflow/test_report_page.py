"""`snakemake report`: one page of what is there, by real Snakemake, and what it says of what is not."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from enco.errors import UserError
from enco.io.files import read_json, write_json
from tests.support.pipeline import ROOT, TINY, pipeline
from workflow.plan.plan import Plan
from workflow.project import Project
from workflow.report_page import write_report
from workflow.targets import check_targets

CONFIG = yaml.safe_load(TINY.read_text())
PAGE = Path("results/report.html")


def written(**settings: Any) -> str:
    """Write the page in the folder that this process is in, and return the page."""
    file, current = write_report(Project.load(CONFIG | settings, base=ROOT), "0123abc")
    assert file.read_bytes() == current.read_bytes()
    return current.read_text(encoding="utf-8")


def viewer(page: str) -> list[dict[str, Any]]:
    found = re.search(r'id="viewer-data">(.*?)</script>', page)
    assert found is not None
    shown: list[dict[str, Any]] = json.loads(found[1])
    return shown


@pytest.fixture
def copied(finished_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a copy of the finished pipeline, to change."""
    folder = Path(shutil.copytree(finished_pipeline, tmp_path / "copied", symlinks=True))
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.slow
def test_the_rule_writes_the_same_bytes_twice_and_everything_that_was_made_is_on_the_page(copied: Path) -> None:
    said = pipeline(copied, "--cores", "1", "report")
    assert "results/tiny/seed0/report.html" in said and str(PAGE) in said
    page = PAGE.read_text(encoding="utf-8")
    pipeline(copied, "--cores", "1", "report")
    assert PAGE.read_text(encoding="utf-8") == page
    assert "9 of 9 trainings are made." in page and page.count("<li>") == 7, "only the paper's figures are missing"
    assert str(copied) not in page
    runs = {str(path.parent) for path in Path().glob("results/tiny/runs/*/*/seed*/run.json")}
    assert {f"results/tiny/runs/{one}" for one in re.findall(r'class="run" id="run/([^"]+)"', page)} == runs
    assert set(re.findall(r' href="#([^"]+)"', page)) <= set(re.findall(r' id="([^"]+)"', page))


@pytest.mark.slow
def test_every_number_of_a_table_is_linked_and_every_method_is_seen_on_the_same_images(copied: Path) -> None:
    page = written()
    table = page.partition('<table class="sortable">')[2].partition("</table>")[0]
    body = table.partition("<tbody>")[2]
    assert len(re.findall(r'<a href="#run/', body)) == len(re.findall("<td ", body)) - 7, "of seven columns"
    tasks = {one["task"]: one for one in viewer(page)}
    assert set(tasks) == {"cityscapes", "horse2zebra", "zebra2horse"}
    labels = [column["label"] for column in tasks["horse2zebra"]["columns"]]
    assert labels == ["input", "CycleGAN", "CUT", "EnCo", "uniform"], "the row 'default' is EnCo's run"
    assert {len(column["pictures"]) for one in tasks.values() for column in one["columns"]} == {
        len(one["images"]) for one in tasks.values()
    }
    assert "The best, the median and the worst" in page and "data:image/svg+xml" in page, "figures and curves"


@pytest.mark.slow
def test_what_is_not_made_is_said_and_costs_nothing_else(copied: Path) -> None:
    shutil.rmtree("results/tiny/runs/cityscapes/cut")
    report = Path("results/tiny/runs/horse2zebra/enco/seed0/selected/horse2zebra.json")
    write_json(report, {key: value for key, value in read_json(report).items() if key != "untranslated"})
    page = written(seeds=[0, 1])
    assert "8 of 18 trainings are made" in page
    missing = page.partition('<section id="missing">')[2]
    assert "not trained yet (10)" in missing and "<li>CUT, cityscapes, seed 0</li>" in missing
    assert "<li>EnCo, horse2zebra, seed 1</li>" in missing
    assert f"{report} is no selection report of this version" in missing and "curves of horse2zebra" in missing
    assert "image/svg+xml" not in page, "no other task has curves"
    labels = {one["task"]: [column["label"] for column in one["columns"]] for one in viewer(page)}
    assert labels["cityscapes"] == ["input", "CycleGAN", "EnCo"]
    assert "(n=1)" not in page and "No number" in page and "Fewer seeds" in page


@pytest.mark.slow
def test_the_error_budget_of_the_protocol_is_shown_where_it_is_measured(copied: Path) -> None:
    assert "snakemake results/protocol.csv measures it" in written()
    summary = Path("results/tiny/seed0/protocol.summary.csv")
    summary.write_text("choice,setting,task,metric,largest_delta\nk,3,horse2zebra,recall,12.3456\n")
    page = written()
    assert "<td>12.35</td>" in page and "largest change" in page and "measures it" not in page


@pytest.mark.slow
def test_figures_of_the_paper_are_shown_with_their_captions_as_far_as_they_are_drawn(copied: Path) -> None:
    folder = Path("results/tiny/seed0")
    for name, colour in {"paper_figures/figure2": "red", "so_far/figure2": "blue", "so_far/figure10": "blue"}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (40, 20), colour).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(f"Figure {name[-1]}. Cells of {colour}.\nMore.")
    page = written()
    assert (
        "<strong>Figure 2</strong> Cells of red.\nMore." in page and "<strong>Figure 0</strong> Cells of blue." in page
    )
    assert page.count("of blue") == 2, "in text and alternative text, of figure 10 alone"
    assert "not drawn yet by snakemake paper_figures (5)" in page


@pytest.mark.slow
def test_numbers_that_do_not_go_together_cost_their_table_alone(copied: Path) -> None:
    scores = Path("results/tiny/runs/horse2zebra/enco+k=1/seed0/eval/horse2zebra.final.json")
    content = read_json(scores)
    content["protocol"]["extractor_hash"] = "feed"
    write_json(scores, content)
    page = written()
    assert "Its numbers do not go together: One table cannot mix" in page
    assert page.count('<section class="table">') == 2 and page.count('<table class="sortable">') >= 1


def test_a_scale_of_which_nothing_is_made_has_a_page_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = written()
    assert "0 of 9 trainings are made" in page and "no data (9)" in page
    for sentence in ("Nothing is translated yet", "Nothing is trained yet", "No image set is in place yet"):
        assert sentence in page
    assert viewer(page) == [] and "EnCo has the lowest FID" in page, "the claims stand, not measured"


def test_the_page_is_no_target_of_its_own_and_the_answer_names_the_one_that_is() -> None:
    plan = Plan.load(CONFIG, ROOT)
    with pytest.raises(UserError, match="ask for `snakemake report`"):
        check_targets(plan, [("report", False)], [str(PAGE)])
    check_targets(plan, [("report", False)], ["report"])
