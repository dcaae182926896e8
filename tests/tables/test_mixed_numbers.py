"""What one table, or one column, may not mix: numbers that were not made alike."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from enco.errors import UserError
from enco.io.files import write_json
from eval.tables.planned import PlannedCell
from tests.support.table_runs import DEMO, TABLES, plan, scores, timing, written

MEASURED = ["cyclegan", "cut", "enco"]


def test_scores_of_another_distance_are_refused(tmp_path):
    spec = TABLES["table1"]
    with pytest.raises(UserError, match=r"hold FD \(random Inception\), and the table is of FID: remake them"):
        written(tmp_path, spec, plan(tmp_path, spec, ["enco"]), replace(DEMO, distance="FID"))


def test_scores_of_another_scale_are_refused(tmp_path):
    spec = TABLES["table1"]
    with pytest.raises(UserError, match="made at scale 'paper', the table is at 'demo'"):
        written(tmp_path, spec, plan(tmp_path, spec, MEASURED, scale="paper"))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("k", 3, "number of neighbours k"),
        ("extractor_hash", "dead", "feature extractor"),
        ("drn_hash", "0", "segmentation"),
    ],
)
def test_numbers_made_differently_do_not_share_a_table(tmp_path, key, value, message):
    spec = TABLES["table1"]
    planned = plan(tmp_path, spec, MEASURED)
    content = scores("cityscapes")
    content["protocol"][key] = value
    write_json(tmp_path / "enco" / "cityscapes" / "0.json", content)
    with pytest.raises(UserError, match=message):
        written(tmp_path, spec, planned)


def test_numbers_of_different_images_do_not_share_a_column(tmp_path):
    spec = TABLES["table1"]
    planned = plan(tmp_path, spec, MEASURED)
    other = scores("cityscapes") | {"data": {"hash": "0123", "source": {}}}
    write_json(next(cell.scores for cell in planned if cell.task == "cityscapes" and cell.scores), other)
    with pytest.raises(UserError, match="cannot mix data sets"):
        written(tmp_path, spec, planned)


def test_plain_and_fast_trainings_do_not_share_a_table(tmp_path):
    spec = TABLES["table4"]
    planned = plan(tmp_path, spec, ["uniform", "default"])
    for path in tmp_path.glob("*/cat2dog/0.json"):
        write_json(path, scores("cat2dog") | {"computed": "bfloat16"})
    with pytest.raises(UserError, match=r"cannot mix speeds: .* has 'bfloat16', .* has 'float32'"):
        written(tmp_path, spec, planned)
    for path in tmp_path.glob("*/horse2zebra/0.json"):
        write_json(path, scores("horse2zebra") | {"computed": "bfloat16"})
    text = written(tmp_path, spec, planned)["csv"].read_text(encoding="utf-8")
    assert "Computed in: bfloat16: faster than published, in other digits" in text


def retimed(planned: list[PlannedCell], row: str, path: Path) -> list[PlannedCell]:
    return [replace(c, timing=path) if c.timing and c.row == row else c for c in planned]


def test_devices_do_not_mix_in_a_column_unless_told(tmp_path):
    spec = TABLES["table1"]
    write_json(tmp_path / "other.json", timing(MEASURED, device="cluster"))
    planned = retimed(plan(tmp_path, spec, MEASURED), "enco", tmp_path / "other.json")
    with pytest.raises(UserError, match=r"laptop.*cluster.*mixed_devices"):
        written(tmp_path, spec, planned)
    out = written(tmp_path, spec.model_copy(update={"mixed_devices": True}), planned)
    assert re.search(r"sec/iter.*cluster.*laptop", out["md"].read_text(encoding="utf-8"))


def test_plain_and_fast_seconds_do_not_share_a_column(tmp_path):
    spec = TABLES["table4"]
    planned = plan(tmp_path, spec, ["uniform", "default"])
    write_json(tmp_path / "other.json", timing(["default"]) | {"precision": "bfloat16"})
    with pytest.raises(UserError, match=r"laptop \(float32.*laptop \(bfloat16"):
        written(tmp_path, spec, retimed(planned, "default", tmp_path / "other.json"))
