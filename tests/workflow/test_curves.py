"""Metrics over training: which runs a curve is made of, and what a file and a figure of curves hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from enco.errors import UserError
from enco.io.files import read_json, write_json
from eval.figures.curves import draw_curves, read_curves, read_levels
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


def test_what_a_scale_cannot_draw_is_said_before_anything_is_trained() -> None:
    without = curves(train={**TINY["train"], "snapshot_epochs": 0}).plan
    for target in ("curves", "results/curves/zebra2horse.csv"):
        check_targets(curves().plan, [("curves", False)], [target])
        with pytest.raises(UserError, match=rf"'{target}' needs .* set train.snapshot_epochs above 0"):
            check_targets(without, [("curves", False)], [target])
    with pytest.raises(UserError, match=r"No table has a row of 'curves' \(munit\) on zebra2horse"):
        curves(curves=["munit"]).inputs(TASK)
    assert curves(curves=["munit"]).current() == []


def write_report(path: Path, points: Sequence[tuple[int, float]], distance: str = "FID") -> Path:
    """A selection report whose metrics are multiples of one number for each iteration; of the inputs it is 9."""

    def metrics(value: float) -> dict[str, float]:
        return {"frechet_distance": value, "kid": value / 100, "content_cosine": value / 10, "content_l2": 2 * value}

    candidates = [{"file": f"{at}.safetensors", "iteration": at, **metrics(value)} for at, value in points]
    about = {"chosen": "", "iteration": 0, "note": "", "extractor": "", "extractor_hash": "", "n_real": 3}
    write_json(path, about | {"distance": distance, "untranslated": metrics(9.0), "candidates": candidates})
    return path


def test_every_metric_is_a_line_and_the_final_generator_is_one_point_though_it_was_saved_twice(tmp_path: Path) -> None:
    report = write_report(tmp_path / "report.json", [(4, 9.5), (8, 7.0), (8, 7.25)])
    found = read_curves("cat2dog", [PlannedCurve("enco", "EnCo", 3, report)])
    assert found[["row", "seed", "iteration", "metric", "value"]].values.tolist() == [
        *(["enco", 3, 4, name, value] for name, value in printed(9.5).items()),
        *(["enco", 3, 8, name, value] for name, value in printed(7.25).items()),
    ]


def printed(value: float) -> dict[str, float]:
    return {"FID": value, "KID": value / 100, "content_cosine": value / 10, "content_l2": 2 * value}


def test_a_report_of_an_earlier_version_is_named_with_the_cure(tmp_path: Path) -> None:
    content = read_json(write_report(tmp_path / "report.json", [(4, 9.5)]))
    del content["candidates"][0]["kid"]
    write_json(tmp_path / "report.json", content)
    for read in (lambda one: read_curves("cat2dog", one), read_levels):
        with pytest.raises(UserError, match=r"report\.json is no selection report of this version .*kid.*: delete the"):
            read([PlannedCurve("enco", "EnCo", 3, tmp_path / "report.json")])


def test_a_figure_has_a_panel_a_metric_each_row_and_the_level_once_and_equal_numbers_make_it_again(
    tmp_path: Path,
) -> None:
    report = write_report(tmp_path / "report.json", [(4, 4.0), (8, 8.0)], "FD (Lite)")
    rows = [PlannedCurve(row, row.upper(), seed, report) for row in ("a", "b") for seed in (0, 1)]
    assert read_levels(rows) == {"FD (Lite)": 9.0, "KID": 0.09, "content_cosine": 0.9, "content_l2": 18.0}
    assert read_levels([]) == {}
    drawn = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for path in drawn:
        draw_curves(read_curves("cat2dog", rows), read_levels(rows), path)
    text = drawn[0].read_text()
    shown = ("A", "B", "untranslated inputs", "FD (Lite)", "KID", "content cosine", "content l2")
    assert {name: text.count(f">{name}</text>") for name in shown} == dict.fromkeys(shown, 1)
    assert text.count(">iteration</text>") == 2, "panels above each other share their axis"
    assert drawn[1].read_text() == text
    draw_curves(read_curves("cat2dog", rows), {}, drawn[1])
    assert "untranslated" not in drawn[1].read_text()
