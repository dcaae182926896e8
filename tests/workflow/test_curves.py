"""Distances over training: which runs a curve is made of, and what a file and a figure of curves hold."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from enco.errors import UserError
from enco.io.files import write_json
from eval.figures.curves import draw_curves, read_curves
from eval.figures.planned import PlannedCurve
from workflow.inputs.curves import Curves
from workflow.plan.plan import Plan
from workflow.targets import check_targets

ROOT = Path(__file__).parents[2]
TINY = yaml.safe_load((ROOT / "tests" / "support" / "tiny.yaml").read_text())
TASK = SimpleNamespace(test_task="zebra2horse")


def curves(**settings: Any) -> Curves:
    return Curves(Plan.load(TINY | settings, ROOT))


def test_every_seed_of_every_row_is_a_curve_and_a_run_serves_both_directions() -> None:
    planned = curves(curves=["cyclegan", "enco"], seeds=[0, 1]).planned(TASK)
    assert [(one.row, one.seed) for one in planned] == [("cyclegan", 0), ("cyclegan", 1), ("enco", 0), ("enco", 1)]
    assert str(planned[0].report).endswith("runs/horse2zebra/cyclegan/seed0/selected/zebra2horse.json")


def test_the_level_of_untranslated_inputs_is_made_where_tables_have_it() -> None:
    level = "results/tiny/untranslated/zebra2horse/scores.json"
    assert level in map(str, curves().inputs(TASK))
    assert level not in map(str, curves(reference=False).inputs(TASK))


def test_what_a_scale_cannot_draw_is_said_before_anything_is_trained() -> None:
    without = curves(train={**TINY["train"], "snapshot_epochs": 0}).plan
    for target in ("curves", "results/curves/zebra2horse.csv"):
        check_targets(curves().plan, [("curves", False)], [target])
        with pytest.raises(UserError, match=rf"'{target}' needs .* set train.snapshot_epochs above 0"):
            check_targets(without, [("curves", False)], [target])
    with pytest.raises(UserError, match=r"No table has a row of 'curves' \(munit\) on zebra2horse"):
        curves(curves=["munit"]).inputs(TASK)
    assert curves(curves=["munit"]).current() == []


def test_the_final_generator_is_one_point_though_it_was_saved_twice(tmp_path: Path) -> None:
    report: dict[str, Any] = {"distance": "FID"}
    report["candidates"] = [
        {"iteration": at, "frechet_distance": value} for at, value in ((4, 9.5), (8, 7.25), (8, 7.25))
    ]
    write_json(tmp_path / "report.json", report)
    found = read_curves("cat2dog", [PlannedCurve("enco", "EnCo", 3, tmp_path / "report.json")])
    assert found[["row", "seed", "iteration", "value"]].values.tolist() == [["enco", 3, 4, 9.5], ["enco", 3, 8, 7.25]]


def test_a_figure_has_each_row_and_the_reference_and_is_the_same_for_the_same_numbers(tmp_path: Path) -> None:
    candidates = [{"iteration": at, "frechet_distance": 1.0 * at} for at in (4, 8)]
    report = {"distance": "FID", "candidates": candidates}
    write_json(tmp_path / "report.json", report)
    rows = [PlannedCurve(row, row.upper(), seed, tmp_path / "report.json") for row in ("a", "b") for seed in (0, 1)]
    drawn = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for path in drawn:
        draw_curves(read_curves("cat2dog", rows), 9.0, path)
    text = drawn[0].read_text()
    assert all(text.count(f">{name}</text>") == 1 for name in ("A", "B", "untranslated inputs"))
    assert drawn[1].read_text() == text
