"""The parts of the page: numbers with their runs and deltas, what a run's folder says, images and charts."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from enco.io.files import read_json, write_json
from eval.report.charts import loss_charts, spread_out
from eval.report.missing import Missing
from eval.report.model import CellView, run_anchor
from eval.report.pictures import Pictures
from eval.report.runs import inputs_view, rows_of, run_view
from eval.report.tables import table_view
from tests.report.example import IMAGES, TASKS, numbers, planned_run, trained, viewed
from tests.support.table_runs import DEMO


def cell(folder: Path, row: int, column: int, **about: object) -> CellView:
    page, found = numbers(folder, **about)  # type: ignore[arg-type]
    headline = table_view(page, found.cells).headline
    assert headline is not None
    return headline.rows[row].cells[column]


CUT, ENCO, INPUTS = 1, 2, 3


def test_a_number_stands_with_the_runs_of_its_seeds_its_delta_and_its_difference(tmp_path: Path) -> None:
    found = cell(tmp_path, ENCO, 0)
    assert found.values[0].text.startswith("60.8 ± "), "the mean of 60.25 and 61.25"
    assert found.runs == [("0", "run/cat2dog/enco/seed0"), ("1", "run/cat2dog/enco/seed1")]
    assert found.order == 60.75 and found.published == "55.5" and found.spread == "0.7"
    assert found.delta_order == pytest.approx(60.75 - 55.5) and found.delta == "+5.2"
    assert found.difference.startswith("best, rank 1")
    other = cell(tmp_path, CUT, 0)
    assert other.delta == "-5.5" and other.difference.startswith("+10.0 ± ") and ", rank " in other.difference


def test_two_metrics_in_one_cell_have_a_value_and_a_difference_each(tmp_path: Path) -> None:
    found = cell(tmp_path, CUT, 3)
    assert [value.text.split(" ")[0] for value in found.values] == ["61.0", "70.2"] and found.spread.count(" & ") == 1
    assert found.difference.startswith("best, rank 1") and found.difference.count(" & ") == 1
    assert (found.published, found.delta, found.order) == ("", "", 61.0), "the paper prints no P & R there"


def test_no_delta_stands_where_numbers_do_not_compare_with_the_papers(tmp_path: Path) -> None:
    found = cell(tmp_path, ENCO, 0, about=DEMO)
    assert (found.delta, found.delta_order) == ("", None) and found.published == "55.5"


def test_a_cell_without_a_number_leads_nowhere_and_the_inputs_lead_to_theirs(tmp_path: Path) -> None:
    absent = cell(tmp_path, 0, 0)
    assert (absent.values, absent.runs, absent.order) == ((), (), None) and absent.reason == "pending"
    assert cell(tmp_path, INPUTS, 0).runs == [("inputs", "inputs/cat2dog")]


def test_a_run_says_its_settings_code_images_losses_samples_and_scores(tmp_path: Path) -> None:
    _, found = numbers(tmp_path / "scores")
    folder = trained(tmp_path)
    cells = found.cells.replace({"run": {"horse2zebra/enco/seed0": str(folder)}})
    view = run_view(planned_run(folder), cells, pictures := Pictures(), missing := Missing())
    facts = dict(view.facts)
    assert missing.parts == {}
    assert facts["Commit"] == "fedcba987654" and facts["Images"] == "drawn horse2zebra, seed 0; sha256 34a4ebd2e105"
    assert dict(view.settings) == {"options.lr_g": "0.001", "options.flip": "true", "options.pairs": "[[3, 28]]"}
    assert view.code == [("enco/methods/enco.py", "bc0bafbd724b0665")]
    assert [(chart.name, chart.first, chart.last) for chart in view.charts] == [("nce", "3", "1")]
    assert [caption for caption, _ in view.samples] == ["iteration 30"] and len(pictures.addresses) == 1
    scores = {(one.metric, one.real_set): (one.value, one.file) for one in view.scores}
    assert scores["FID", "paired"] == ("60.2", "0.json") and scores["sec/iter", ""] == ("0.100", "timing.json")


def test_a_training_that_was_changed_midway_says_so(tmp_path: Path) -> None:
    folder = trained(tmp_path)
    changed = {"changes": [{"iteration": 7, "exact": False, "before": {"train.n_decay": 1}}]}
    write_json(folder / "run.json", read_json(folder / "run.json") | changed)
    view = run_view(planned_run(folder), numbers(tmp_path / "scores")[1].cells, Pictures(), Missing())
    assert dict(view.facts)["Changed midway"] == "from iteration 7: train.n_decay"
    assert view.scores == [], "no number is of this folder"


NO_LOSSES = '{"iteration": 10}\n'
DAMAGES = {
    "a sample that is empty": ("samples/iter0000030.png", "", "a sample of EnCo", "samples"),
    "a line of metrics without losses": ("metrics.jsonl", NO_LOSSES, "losses of EnCo", "charts"),
    "a line of metrics that is no mapping": ("metrics.jsonl", "3\n", "losses of EnCo", "charts"),
    "a record of another version": ("run.json", "{}", "settings and code of EnCo", "settings"),
}


@pytest.mark.parametrize(("file", "content", "part", "lost"), DAMAGES.values(), ids=DAMAGES)
def test_a_file_that_cannot_be_used_costs_its_own_part_of_a_run(
    tmp_path: Path, file: str, content: str, part: str, lost: str
) -> None:
    folder = trained(tmp_path)
    whole = run_view(planned_run(folder), (cells := numbers(tmp_path / "scores")[1].cells), Pictures(), Missing())
    (folder / file).write_text(content)
    view = run_view(planned_run(folder), cells, Pictures(), missing := Missing())
    assert list(missing.parts.values()) == [[f"{part}, Horse→Zebra, seed 0"]]
    assert {
        name for name in ("settings", "code", "charts", "samples") if getattr(view, name) != getattr(whole, name)
    } == ({"settings", "code"} if lost == "settings" else {lost})
    assert not getattr(view, lost) and ("Folder", str(folder)) in view.facts


def test_why_cells_have_no_number_is_said_once_each(tmp_path: Path) -> None:
    page, found = numbers(tmp_path)
    table = table_view(page, found.cells)
    assert "pending" in table.reasons and len(set(table.reasons)) == len(table.reasons)
    assert table.place(table.reasons[0]) == "why/table1/1"


def test_untranslated_inputs_have_scores_alone(tmp_path: Path) -> None:
    _, found = numbers(tmp_path)
    view = inputs_view("cat2dog", TASKS["cat2dog"], found.cells, "FID")
    assert view is not None and (view.anchor, view.method) == ("inputs/cat2dog", "")
    assert {one.value for one in view.scores if (one.metric, one.real_set) == ("FID", "paired")} == {"45.2"}
    assert inputs_view("dog2cat", "Dog→Cat", found.cells, "FID") is None


def test_the_place_of_a_run_does_not_depend_on_where_results_lie() -> None:
    assert run_anchor("results/demo/runs/cat2dog/enco+k=1/seed0") == "run/cat2dog/enco+k=1/seed0"


def test_the_rows_of_a_run_are_named_by_table_each_once() -> None:
    pairs = [("Table 1", "EnCo"), ("Table 3", "F"), ("Table 1", "EnCo"), ("Table 3", "E")]
    assert rows_of(pairs) == "Table 1: EnCo; Table 3: F, E"


def test_a_chart_fills_its_box_and_leaves_out_what_is_not_finite() -> None:
    values = {10: 1.0, 20: float("nan"), 30: 5.0, 50: 3.0}
    (chart,) = loss_charts([{"iteration": step, "losses": {"gan": value}} for step, value in values.items()])
    assert chart.points == "0.0,40.0 80.0,0.0 160.0,20.0"
    assert (chart.first, chart.last, chart.iterations) == ("1", "3", 50)
    assert loss_charts([{"iteration": 1, "losses": {"gan": float("inf")}}]) == []


@given(st.integers(0, 500), st.integers(2, 100))
def test_what_is_left_of_many_begins_with_the_first_and_ends_with_the_last(count: int, wanted: int) -> None:
    kept = spread_out(count, wanted)
    assert kept == sorted(set(kept)) and len(kept) == min(count, wanted)
    assert kept[:1] == list(range(count))[:1] and kept[-1:] == list(range(count))[-1:]


def test_a_picture_is_kept_once_and_no_wider_than_asked_for() -> None:
    pictures = Pictures()
    image = Image.new("RGB", (300, 30), "red")
    assert pictures.add(image, 100) == pictures.add(image.copy(), 100) != pictures.add(image, 50)
    sizes = [
        Image.open(io.BytesIO(base64.b64decode(text.partition(",")[2]))).size for text in pictures.addresses.values()
    ]
    assert sizes == [(100, 10), (50, 5)]


def test_the_viewer_has_a_picture_of_each_image_in_each_whole_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = viewed(tmp_path, "cat2dog", pictures := Pictures())
    assert shown.images == ["0", "1", "2", "3"] and shown.left_out == 0
    assert [column["label"] for column in shown.columns] == ["input", "EnCo", "CUT"]
    assert {key for column in shown.columns for key in column["pictures"]} == set(pictures.addresses)
    assert len(pictures.addresses) == 3 * IMAGES
    monkeypatch.setattr("eval.report.viewer.IMAGES", 2)
    fewer = viewed(tmp_path, "cat2dog", Pictures())
    assert (fewer.images, fewer.left_out) == (["0", "3"], 2)


def test_a_column_without_a_translation_or_with_a_torn_one_is_left_out_and_said(tmp_path: Path) -> None:
    viewed(tmp_path, "cat2dog", Pictures())
    Image.new("RGB", (8, 8)).save(tmp_path / "cat2dog" / "input" / "late.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "cat2dog" / "cut" / "late.png")
    shown = viewed(tmp_path, "cat2dog", Pictures(), missing := Missing())
    assert [column["label"] for column in shown.columns] == ["input", "CUT"]
    assert missing.parts == {"1 of 5 translations are not there, such as late.png": ["images of EnCo, Cat→Dog"]}
    (tmp_path / "cat2dog" / "enco" / "late.png").write_bytes(b"")
    assert len(viewed(tmp_path, "cat2dog", Pictures(), torn := Missing()).columns) == 2
    assert list(torn.parts.values()) == [["images of EnCo, Cat→Dog"]] and "late.png" in next(iter(torn.parts))


def test_a_name_that_is_no_utf8_is_shown_as_it_can_be(tmp_path: Path) -> None:
    viewed(tmp_path, "cat2dog", Pictures())
    for name in ("input", "enco", "cut"):
        Image.new("RGB", (8, 8)).save(os.fsencode(tmp_path / "cat2dog" / name) + b"/caf\xe9.png", "PNG")
    shown = viewed(tmp_path, "cat2dog", Pictures())
    assert shown.images[-1] == "caf\\udce9" and len(shown.columns) == 3
