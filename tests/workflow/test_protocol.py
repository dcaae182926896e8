"""What the error budget of the protocol plans: settings, defaults, files and reasons."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from enco.errors import UserError
from eval.sensitivity.choices import MOVES, Choices
from eval.tables.planned import PLANNED_CELLS
from workflow.inputs.protocol import Protocol
from workflow.plan.plan import Plan
from workflow.project import Project
from workflow.targets import check_targets

ROOT = Path(__file__).parents[2]
TINY = yaml.safe_load((ROOT / "tests" / "support" / "tiny.yaml").read_text())
NONE: Any = SimpleNamespace()


def protocol(**settings: Any) -> Protocol:
    return Project.of(Plan.load(TINY | settings, ROOT)).protocol


def tried(found: Protocol) -> dict[str, list[str]]:
    settings: dict[str, list[str]] = {}
    for one in found.alternatives(NONE):
        settings.setdefault(one["choice"], []).append(one["setting"])
    return settings


def test_every_choice_is_tried_at_all_settings_but_the_scales_own() -> None:
    assert set(Choices.model_fields) == set(MOVES)
    assert tried(protocol()) == {
        "real_set": ["full"],
        "resize": ["bilinear", "tensor"],
        "network_resize": ["bicubic", "bilinear"],
        "jpeg": ["95", "75"],
        "legacy_rounding": ["off"],
        "k": ["3", "10"],
        "recall": ["exact"],
        "drn_weights": ["negcut", "fyu"],
        "drn_size": ["16x16", "64x64"],
        "checkpoint": ["best"],
    }


def test_settings_are_keys_of_the_configuration() -> None:
    features = {**TINY["features"], "k": 3, "legacy_rounding": False}
    choices = {"k": [2, 3, 4], "jpeg": [], "drn_size": [4]}
    found = tried(protocol(features=features, selection="best", protocol={"choices": choices}))
    assert found["k"] == ["2", "4"] and "jpeg" not in found and found["drn_size"] == ["128x128"]
    assert found["legacy_rounding"] == ["on"] and found["checkpoint"] == ["final"]


def test_what_cannot_be_tried_has_its_reason_by_task() -> None:
    without = {**TINY["train"], "snapshot_epochs": 0}
    reasons = {(one["choice"], one["setting"]): one["reasons"] for one in protocol(train=without).alternatives(NONE)}
    assert set(reasons["checkpoint", "best"]) == {"cityscapes", "horse2zebra", "zebra2horse"}
    assert set(reasons["drn_size", "16x16"]) == {"horse2zebra", "zebra2horse"}
    assert "no label maps" in reasons["drn_weights", "fyu"]["horse2zebra"]
    assert "drn_d_22_cityscapes.pth are missing" in reasons["drn_weights", "fyu"]["cityscapes"]
    assert reasons["k", "3"] == {}


def test_inputs_are_scores_of_both_generators_and_measured_files_of_every_row() -> None:
    found = protocol(seeds=[0, 1], protocol={"tasks": ["horse2zebra"]})
    files = [str(path) for path in found.inputs(NONE)]
    assert len(files) == 3 * 2 * 3
    assert "results/tiny/runs/horse2zebra/cut/seed1/protocol/horse2zebra.final.json" in files
    assert "results/tiny/runs/horse2zebra/cut/seed1/eval/horse2zebra.best.json" in files
    assert {cell["metric"] for cell in found.planned_cells(NONE)} == {"precision", "recall", "FID"}


def test_every_file_behind_the_tables_own_numbers_is_an_input() -> None:
    found = protocol()
    cells = PLANNED_CELLS.validate_python(found.planned_cells(NONE))
    read = {path for cell in cells for path in cell.files}
    assert read and read <= {*found.inputs(NONE)}


def test_a_budget_is_of_the_generators_of_its_table_alone() -> None:
    found = protocol(selection="both", protocol={"table": "methods.best"})
    assert found.planned(NONE) == protocol(selection="best").planned(NONE)
    assert found.planned_cells(NONE) == protocol(selection="best").planned_cells(NONE)
    assert tried(found)["checkpoint"] == ["final"]


def test_what_is_measured_beyond_scores_is_not_tried() -> None:
    column = {"task": "horse2zebra", "metrics": ["FID", "KID", "D&C"]}
    found = protocol(tables={"methods": {**TINY["tables"]["methods"], "columns": [column]}})
    assert [one["metrics"] for one in found.spec(NONE)["columns"]] == [["FID"]]
    assert {cell["metric"] for cell in found.planned_cells(NONE)} == {"FID"}


def test_jobs_measure_what_no_scores_file_has() -> None:
    task: Any = SimpleNamespace(test_task="horse2zebra")
    measured = json.loads(protocol().measured_alternatives(task))
    assert measured["k"] == [3, 10] and measured["drn_size"] == [] and measured["drn_weights"] == {}
    real = json.loads(protocol().real_alternatives(task))
    assert (real["resize"], real["legacy_rounding"]) == (["bilinear", "tensor"], [False])
    assert real["jpeg"] == real["k"] == []
    scored: Any = SimpleNamespace(test_task="cityscapes")
    assert json.loads(protocol().measured_alternatives(scored))["drn_size"] == [[16, 16], [64, 64]]


def test_jobs_depend_on_the_files_of_all_networks_that_are_there(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    own, fyu = Path("results/tiny/drn/cityscapes.safetensors"), tmp_path / "weights" / "drn_d_22_cityscapes.pth"
    found = Project.of(Plan.load(TINY, tmp_path)).protocol
    scored: Any = SimpleNamespace(test_task="cityscapes")
    other: Any = SimpleNamespace(test_task="horse2zebra")
    assert found.segmentation_inputs(scored) == [own]
    fyu.parent.mkdir()
    fyu.touch()
    assert found.segmentation_inputs(scored) == [own, fyu] and found.segmentation_inputs(other) == []
    assert json.loads(found.measured_alternatives(scored))["drn_weights"] == {"fyu": str(fyu)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"table": "table9"}, "Unknown table 'table9' in 'protocol'"),
        ({"tasks": ["cat2dog"]}, r"Unknown task 'cat2dog' in 'protocol' \(tasks of methods\)"),
        ({"choices": {"jpg": [95]}}, r"Unknown key 'protocol.choices.jpg'.* jpeg"),
        ({"choices": {"jpeg": [101]}}, r"protocol\.choices\.jpeg\.0"),
    ],
)
def test_mistakes_are_one_sentence(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        protocol(protocol=settings).inputs(NONE)


def test_its_files_are_targets() -> None:
    for name in ("protocol.csv", "protocol.summary.csv", "protocol.md"):
        check_targets(protocol().plan, [], [f"results/{name}"])
    with pytest.raises(UserError, match="table 'protocols'"):
        check_targets(protocol().plan, [], ["results/protocols.csv"])
