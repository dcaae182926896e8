"""`snakemake report`: one page of what is there, by real Snakemake, and what it says of what is not."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from enco.errors import UserError
from enco.io.files import read_json, write_json
from eval.report.pictures import Pictures
from eval.report.runs import SAMPLE_WIDTH, SAMPLES
from eval.report.viewer import IMAGES, SIDE
from tests.support.pipeline import ROOT, TINY, pipeline
from workflow.plan.plan import Plan
from workflow.project import Project
from workflow.report_page import write_report
from workflow.so_far import SoFar, draw_so_far
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
    missing = page.partition('<section id="missing">')[2]
    assert "9 of 9 trainings are made." in page and missing.count("<li>") == 7, "only the paper's figures are missing"
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


def draw(kind: str, figure: str, said: str, **settings: Any) -> Path:
    """Write a picture for a figure of the paper, with the caption of what is there, and return the picture."""
    project = Project.load(CONFIG | settings, base=ROOT)
    planned, file = SoFar(project).paper_figure(figure), Path("results/tiny/seed0", kind, f"{figure}.png")
    file.parent.mkdir(exist_ok=True)
    Image.new("RGB", (40, 20), "red").save(file)
    file.with_suffix(".txt").write_text("\n".join([f"Figure {figure[6:]}. {said}", planned.choices, *planned.lacks]))
    return file


def title(number: int) -> str:
    return f"<strong>Figure {number}</strong>"


OUTDATED = "drawn before its runs, images or settings changed: snakemake paper_figures draws it again"


@pytest.mark.slow
def test_figures_of_the_paper_are_shown_with_their_captions_and_missing_ones_by_the_reason(copied: Path) -> None:
    draw("paper_figures", "figure2", "Cells in red.")
    draw("so_far", "figure2", "Cells in blue.")
    draw("so_far", "figure8", "Rows in blue.")
    page = written()
    assert f"{title(2)} Cells in red.\n" in page and f"{title(8)} Rows in blue.\n" in page
    assert page.count("in blue") == 2, "in text and alternative text, of figure 8 alone"
    assert 'class="picture" data-task="horse2zebra"' in page
    missing = page.partition('<section id="missing">')[2]
    assert "not drawn yet by snakemake paper_figures (4)" in missing
    assert re.search(
        r"No table of scale tiny has the task cat2dog: [^<]*figure9 \(1\)</summary><ul><li>figure9</li>", missing
    )


def retrained() -> None:
    os.utime("results/tiny/runs/horse2zebra/enco/seed0/generator.safetensors")


def lost() -> None:
    Path("results/tiny/runs/horse2zebra/enco/seed0/generator.safetensors").unlink()


CHOSEN = {"figure1": {"colour_map": "magma"}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "change", "settings"),
    [("paper_figures", retrained, {}), ("so_far", lost, {}), ("paper_figures", None, CHOSEN)],
    ids=["retrained", "lost", "chosen"],
)
def test_a_figure_of_what_is_there_no_longer_is_said_and_not_shown(
    copied: Path, kind: str, change: Callable[[], None] | None, settings: dict[str, Any]
) -> None:
    file = draw(kind, "figure1", "Maps.")
    assert title(1) in written()
    os.utime(file, (before := file.stat().st_mtime - 1, before))
    if change:
        change()
    page = written(paper_figures=settings)
    assert title(1) not in page and f"{OUTDATED} (1)" in page
    draw("so_far", "figure1", "Maps again.", paper_figures=settings)
    assert f"{title(1)} Maps again." in written(paper_figures=settings), "the older one does not stand in its way"


@pytest.mark.slow
def test_figures_as_they_are_drawn_are_shown(copied: Path) -> None:
    assert list(draw_so_far(Project.load(CONFIG, base=ROOT), "0123abc"))
    page = written()
    assert all(title(number) in page for number in (1, 2, 5, 6, 8, 10))


@pytest.mark.slow
def test_files_that_cannot_be_used_cost_their_parts_alone(copied: Path) -> None:
    run = Path("results/tiny/runs/horse2zebra/enco/seed0")
    (run / "samples").mkdir(exist_ok=True)
    (run / "samples" / "iter0000001.png").write_bytes(b"")
    (run / "metrics.jsonl").write_text('{"iteration": 1}\n')
    Path("results/tiny/seed0/protocol.summary.csv").write_text("")
    draw("paper_figures", "figure8", "Rows.").with_suffix(".txt").unlink()
    draw("paper_figures", "figure6", "Colours.").write_bytes(b"")
    translated = next(Path("results/tiny/runs/horse2zebra/cut/seed0/translated").rglob("*.png"))
    translated.write_bytes(b"")
    page = written()
    missing = page.partition('<section id="missing">')[2]
    for part in ("a sample of EnCo", "losses of EnCo", "the protocol", "figure8", "figure6", "images of CUT"):
        assert f"<li>{part}" in missing
    assert "paper_figures/figure8.txt cannot be used (No such file or directory)" in missing
    assert "9 of 9 trainings are made" in page and page.count('<table class="sortable">') >= 2


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


def size_of_noise(side: int, width: int) -> int:
    """Return what a noisy picture takes on a page, in bytes: three times what one of a trained network does."""
    noise = np.random.default_rng(0).normal(128, 25, (side, side, 3)).clip(0, 255).astype(np.uint8)
    key = (pictures := Pictures()).add(Image.fromarray(noise), width)
    return len(pictures.addresses[key])


def test_the_demos_page_stays_below_20_mb() -> None:
    """5 MB are left for figures and text, which take half of it (docs/report.md)."""
    plan = Plan.load(yaml.safe_load((ROOT / "config" / "demo.yaml").read_text()), ROOT)
    translated = {(evaluation.run, evaluation.task) for evaluation in plan.grid.evaluations}
    columns = len(translated) + len({task for _, task in translated})
    sample_side = 4 * plan.size  # four images, and rows of inputs and translations of both directions
    taken = columns * IMAGES * size_of_noise(plan.size, SIDE)
    taken += len(plan.grid.runs) * SAMPLES * size_of_noise(sample_side, SAMPLE_WIDTH)
    assert 1e6 < taken < 15e6


def test_the_page_is_no_target_of_its_own_and_the_answer_names_the_one_that_is() -> None:
    plan = Plan.load(CONFIG, ROOT)
    with pytest.raises(UserError, match="ask for `snakemake report`"):
        check_targets(plan, [("report", False)], [str(PAGE)])
    check_targets(plan, [("report", False)], ["report"])
