"""What one table, or one column, may not mix: numbers that were not made alike."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from enco.errors import UserError
from enco.io.files import read_json, write_json
from eval.tables.planned import PlannedCell
from tests.support.table_runs import DEMO, TABLES, plan, resampled, scores, timing, written

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
        ("k", 3, "numbers of neighbours k"),
        ("extractor_hash", "dead", "feature extractor"),
        ("drn_hash", "0", "segmentation"),
        ("size", 48, "cannot mix image sizes: .* has '48'"),
        ("filter", "box", "filters of resizing"),
        ("levels", "12bit", "levels of 16-bit grey"),
        ("legacy_rounding", False, "roundings of real images"),
        ("n_generated", 31, "numbers of test images: .* '31/32/40'"),
        ("n_real", {"paired": 32, "full": 39}, "numbers of test images"),
        ("images", {"sources": "dead", "real": "targets of cityscapes"}, "test sets: .* 'sources sha256 dead, real"),
        ("images", {}, "test sets: .* has 'unknown'"),
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


def test_label_maps_do_not_mix_in_a_column(tmp_path):
    spec = TABLES["table1"]
    planned = plan(tmp_path, spec, MEASURED)
    content = scores("cityscapes")
    content["protocol"]["images"]["labels"] = "other label maps"
    write_json(tmp_path / "enco" / "cityscapes" / "0.json", content)
    with pytest.raises(UserError, match="cannot mix sets of label maps"):
        written(tmp_path, spec, planned)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("k", 3, "k = 3 and .* k = 5 and"),
        ("images", {"generated": 32, "paired": 40, "full": 40}, "32/40/40 images .*32/32/40"),
    ],
)
def test_uncertainties_are_of_the_scores(tmp_path, key, value, message):
    spec = TABLES["table1"]
    planned = resampled(plan(tmp_path, spec, MEASURED))
    file = next(cell.uncertainty for cell in planned if cell.uncertainty)
    write_json(file, read_json(file) | {key: value})
    with pytest.raises(UserError, match=f"{file} is of .*{message}.*: delete the first, and have it made again"):
        written(tmp_path, spec, planned)


@pytest.mark.parametrize(
    ("about", "line"),
    [
        ({}, "resized to 32 × 32 pixels (bicubic); real ones lose fractions of a grey level, as the originals' do"),
        ({"size": 0, "legacy_rounding": False, "levels": "12bit"}, "at their own size; 16-bit grey has 12 bits"),
    ],
)
def test_the_preparation_of_images_is_printed(tmp_path, about, line):
    spec = TABLES["table4"]
    planned = plan(tmp_path, spec, ["default"])
    for path in {cell.scores for cell in planned if cell.scores}:
        content = read_json(path)
        content["protocol"] |= about
        write_json(path, content)
    assert f"- **Prepared**: {line}\n" in written(tmp_path, spec, planned)["md"].read_text(encoding="utf-8")


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


def trained_on(device: str, *files: Path) -> None:
    for path in files:
        write_json(path, read_json(path) | {"trained_on": device})


def test_devices_of_training_times_do_not_mix_unless_told(tmp_path):
    spec = TABLES["table2"]
    planned = plan(tmp_path, spec, MEASURED)
    assert "- **Trained on**: laptop\n" in written(tmp_path, spec, planned)["md"].read_text(encoding="utf-8")
    trained_on("cluster", *tmp_path.glob("enco/photo2vangogh/0.json"))
    cure = "train all of them on one kind of device, or set 'mixed_devices: true' for table table2"
    with pytest.raises(UserError, match=f"mix devices of training times: .*'laptop', .*'cluster'; {cure}"):
        written(tmp_path, spec, planned)
    text = written(tmp_path, spec.model_copy(update={"mixed_devices": True}), planned)["md"].read_text(encoding="utf-8")
    assert "- **Trained on**: cluster: EnCo; laptop: CycleGAN, CUT, EnCo\n" in text


def test_devices_mix_where_no_training_time_is_printed(tmp_path):
    spec = TABLES["table2"]
    planned = plan(tmp_path, spec, MEASURED)
    trained_on("cluster", *tmp_path.glob("enco/dog2cat/0.json"))
    text = written(tmp_path, spec, planned)["md"].read_text(encoding="utf-8")
    assert "- **Trained on**: cluster: EnCo; laptop: CycleGAN, CUT, EnCo\n" in text


def test_plain_and_fast_seconds_do_not_share_a_column(tmp_path):
    spec = TABLES["table4"]
    planned = plan(tmp_path, spec, ["uniform", "default"])
    write_json(tmp_path / "other.json", timing(["default"]) | {"precision": "bfloat16"})
    with pytest.raises(UserError, match=r"laptop \(float32.*laptop \(bfloat16"):
        written(tmp_path, spec, retimed(planned, "default", tmp_path / "other.json"))
