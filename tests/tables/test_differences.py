"""Differences of a table's rows: the CSV file, marks in every format, the other rule, and missing replicates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from enco.errors import UserError
from enco.io.files import read_json, write_json
from eval.records import replicates_file
from eval.tables.differences import COLUMNS, read_differences
from eval.tables.planned import PlannedCell
from eval.tables.spec import TableSpec
from eval.tables.write import write_table
from eval.uncertainty.records import Estimate, load_arrays, read_uncertainty, save_arrays
from tests.support.table_runs import DEMO, PUBLISHED, TABLES, plan, reference, resampled, uncertainty_of

FD = DEMO.distance
TABLE1 = TABLES["table1"]
ROWS = ["cyclegan", "cut", "enco"]


def written(folder: Path, planned: list[PlannedCell], spec: TableSpec = TABLE1) -> dict[str, str]:
    out = {kind: folder / f"t.{kind}" for kind in ("csv", "md", "tex", "html", "cells", "differences")}
    write_table(spec, planned, PUBLISHED, out, DEMO)
    return {kind: path.read_text(encoding="utf-8") for kind, path in out.items()}


def planned(folder: Path, rows: list[str] = ROWS) -> list[PlannedCell]:
    """Cells of which only Cityscapes' rows can be told apart: elsewhere rows lie 10 apart, each with 7 of its own."""
    return resampled([*plan(folder, TABLE1, rows), *reference(folder, TABLE1)], {"cityscapes": 1.0})


def line_of(text: str, row: str) -> str:
    return next(line for line in text.splitlines() if line.startswith((f"| {row} ", f"{row} &")))


def test_every_printed_metric_has_a_line_for_each_row_and_none_for_the_inputs(tmp_path: Path) -> None:
    written(tmp_path, planned(tmp_path))
    table = pd.read_csv(tmp_path / "t.differences", keep_default_na=False, na_values=[""])
    assert list(table.columns) == COLUMNS and set(table["row"]) == set(ROWS)
    found = table.set_index(["column", "row"])
    worst = found.loc[(f"Cat→Dog {FD}", "enco")]
    assert (worst["task"], worst["metric"], worst["real_set"]) == ("cat2dog", FD, "paired")
    assert (worst["value"], worst["best"], worst["difference"], worst["rank"]) == (80.25, "cyclegan", 20.0, 3)
    first, last = (load_arrays(tmp_path / row / "cat2dog" / "0.replicates.npz") for row in ("cyclegan", "enco"))
    assert worst["difference_sd"] == pytest.approx(
        np.std(last["paired frechet_distance"] - first["paired frechet_distance"], ddof=1)
    )
    assert worst["difference_sd"] > 9 and found.loc[(f"Cityscapes {FD} (full)", "enco"), "difference_sd"] < 2
    seconds = found.loc[("Horse→Zebra sec/iter", "cut")]
    assert seconds["difference"] == pytest.approx(0.1)
    assert seconds[["difference_sd", "p_better", "rank_low"]].isna().all()


def unchanged(cells: list[PlannedCell], row: str) -> None:
    """Make the recall of a row one that no draw changes: 0."""
    files = {cell.scored: cell.uncertainty for cell in cells if cell.row == row and cell.scored}
    for scored, file in files.items():
        content = read_json(scored)
        content["metrics"]["paired"] |= {"recall": 0.0, "recall_exact": 0.0}
        write_json(scored, content)
        record = read_uncertainty(file)
        record.metrics["paired"]["recall_exact"] = Estimate(value=0.0, sampling_sd=None, reason="no draw changes it")
        record.write(file)
        drawn = load_arrays(replicates_file(file))
        drawn["paired recall_exact"] = np.zeros(200)
        save_arrays(drawn, replicates_file(file))


def test_a_number_that_no_draw_changes_has_no_deviation_and_is_compared(tmp_path: Path) -> None:
    spec = TABLES["table2"]
    cells = resampled(plan(tmp_path, spec, ROWS))
    unchanged(cells, "cut")
    text = written(tmp_path, cells, spec)
    assert "& 0.0 (" in line_of(text["md"], "CUT") and "& 0.0 ±" not in line_of(text["md"], "CUT")
    found = {row: read_differences(tmp_path / "t.differences")["Dog→Cat P & R", row][1] for row in ROWS}
    assert found["cut"].difference_sd > 0 and found["cut"].p_better < 0.001 and found["cut"].rank_low == 3
    unchanged(cells, "enco")
    unchanged(cells, "cyclegan")
    written(tmp_path, cells, spec)
    one = read_differences(tmp_path / "t.differences")["Dog→Cat P & R", "enco"][1]
    assert (one.difference, one.difference_sd, one.p_better, one.rank_high) == (0.0, None, 0.5, 3)


def test_lines_come_back_by_column_and_row_a_metric_each(tmp_path: Path) -> None:
    spec = TABLES["table2"]
    cells = resampled(plan(tmp_path, spec, ["cyclegan", "enco"], (0, 1)))
    written(tmp_path, cells, spec)
    found = read_differences(tmp_path / "t.differences")
    precision, recall = found["Dog→Cat P & R", "cyclegan"]
    assert (precision.best, precision.difference, precision.n, precision.rank) == ("enco", -10.0, 2, 2)
    assert (recall.difference, recall.best) == (0.0, "cyclegan"), "equal numbers, of which the first is the best"
    assert recall.difference_sd == 0.0 and recall.p_better is None
    assert found["Dog→Cat P & R", "enco"][1].p_better == 0.5
    assert found["All tasks model size (M)", "enco"][0].rank_low is None


def test_bold_is_surely_better_and_underlined_what_cannot_be_told_in_every_format(tmp_path: Path) -> None:
    text = written(tmp_path, planned(tmp_path))
    bold = {"md": "**60.2 ± 2.0**", "tex": r"\textbf{60.2 $\pm$ 2.0}"}
    under = {"md": "*70.2 ± 7.0*", "tex": r"\underline{70.2 $\pm$ 7.0}"}
    for kind in ("md", "tex"):
        assert line_of(text[kind], "CycleGAN").count(bold[kind]) == 1
        assert line_of(text[kind], "CUT").count(under[kind]) == 2 and bold[kind][:3] not in line_of(text[kind], "CUT")
    assert '<strong class="best">60.2 ± 2.0</strong>' in text["html"]
    assert text["html"].count('<span class="underlined">70.2 ± 7.0</span>') == 2
    assert line_of(text["md"], "CycleGAN").count("**0.100**") == 1, "the best of what has no replicates"
    for kind in ("md", "tex", "html"):
        assert "better than every other row with P" in text[kind]


def test_differences_are_told_in_words_in_pages(tmp_path: Path) -> None:
    text = written(tmp_path, planned(tmp_path))
    block = text["md"].partition("### Differences to the best")[2].partition("### Protocol")[0]
    assert "best, rank 1–2" in line_of(block, "CycleGAN") and "sec/iter" not in block
    assert line_of(block, "EnCo").count("+20.0 ± 9.3, P = 0.016, rank 2–3") == 2 and "MUNIT" not in block
    assert "+10.0 ± 1.3, P &lt; 0.001, rank 2" in text["html"] and "Differences to the best" in text["html"]


def test_the_rule_best_marks_the_best_and_the_second(tmp_path: Path) -> None:
    spec = TABLE1.model_copy(update={"marks": "best"})
    text = written(tmp_path, planned(tmp_path), spec)["md"]
    assert "Best **bold**, second *italic*; in brackets" in text
    cells = [cell.strip() for cell in line_of(text, "CUT").split("|")[2:-1]]
    assert all(cell.startswith("*") and not cell.startswith("**") for cell in cells)


def test_a_table_without_replicates_marks_the_best_alone(tmp_path: Path) -> None:
    text = written(tmp_path, plan(tmp_path, TABLE1, ROWS))
    assert "\n\nBest **bold**; in brackets" in text["md"] and "Differences to the best" not in text["html"]
    assert "*70.2*" not in text["md"] and "**60.2**" in text["md"] and "- **±**" not in text["md"]
    assert len(text["differences"].splitlines()) > 1, "how far rows lie apart is known all the same"


def test_one_row_is_neither_the_best_nor_compared(tmp_path: Path) -> None:
    text = written(tmp_path, planned(tmp_path, ["cut"]))
    assert text["differences"] == ",".join(COLUMNS) + "\n"
    assert "*" not in line_of(text["md"], "CUT") and "Differences to the best" not in text["md"]


def test_a_row_that_is_not_resampled_yet_leaves_the_best_unsure(tmp_path: Path) -> None:
    cells = [
        cell if cell.row != "enco" else cell.__class__(**vars(cell) | {"uncertainty": None})
        for cell in planned(tmp_path)
    ]
    text = written(tmp_path, cells)["md"]
    assert "*60.2 ± 2.0* (68.6)" in line_of(text, "CycleGAN") and "**6" not in line_of(text, "CycleGAN")
    assert "*80.2* (47.6)" in line_of(text, "EnCo"), "it may be the best"


def test_sets_that_were_drawn_otherwise_do_not_share_a_table(tmp_path: Path) -> None:
    cells = planned(tmp_path)
    path = uncertainty_of(tmp_path / "cut" / "cityscapes" / "0.json")
    read_uncertainty(path).model_copy(update={"seed": 1}).write(path)
    with pytest.raises(UserError, match=r"cannot mix resamplings: .*'200 draws of seed 0'.*'200 draws of seed 1'"):
        written(tmp_path, cells)


def test_further_extractors_are_compared_and_named_and_their_weights_are_not_mixed(tmp_path: Path) -> None:
    cells = planned(tmp_path)
    for number, row in enumerate(ROWS):
        path = uncertainty_of(tmp_path / row / "cat2dog" / "0.json")
        record, drawn = read_uncertainty(path), load_arrays(replicates_file(path))
        record.metrics["paired"]["FD (DINOv2 ViT-B/14)"] = Estimate(value=50.0 + number, sampling_sd=2.0)
        record.model_copy(update={"beside": {"dinov2": "d1d0" * 16}}).write(path)
        noise = 0.1 * np.random.default_rng(number).normal(size=200)
        save_arrays(drawn | {"paired FD (DINOv2 ViT-B/14)": noise}, replicates_file(path))
    text = written(tmp_path, cells)
    assert "Cat→Dog FD (DINOv2 ViT-B/14) ↓" in text["md"]
    assert "**50.0 ± 2.0**" in line_of(beside(text["md"]), "CycleGAN")
    said = "- **FD (DINOv2 ViT-B/14)**: the Fréchet distance of the features of dinov2, weights sha256 d1d0d1d0"
    assert said in text["md"]
    assert read_differences(tmp_path / "t.differences")["Cat→Dog FD (DINOv2 ViT-B/14)", "enco"][0].rank_low == 3
    read_uncertainty(path).model_copy(update={"beside": {"dinov2": "0" * 64}}).write(path)
    with pytest.raises(UserError, match=r"cannot mix dinov2 weights: .*'d1d0.*'0000"):
        written(tmp_path, cells)


def beside(page: str) -> str:
    return page.partition("### Beside the headline")[2]


def test_replicates_that_are_lost_are_missed_in_one_sentence(tmp_path: Path) -> None:
    cells = planned(tmp_path)
    lost = replicates_file(uncertainty_of(tmp_path / "cut" / "cat2dog" / "0.json"))
    lost.unlink()
    with pytest.raises(UserError, match=rf"{lost} is missing or no file"):
        written(tmp_path, cells)
    save_arrays({}, lost)
    assert "best, rank 1–2" in written(tmp_path, cells)["md"]
