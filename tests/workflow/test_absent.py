"""Tasks that a scale leaves out: nothing is trained for them, and their cells say why."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from enco.errors import UserError
from eval.published import read_published
from eval.tables.protocol import Provenance
from eval.tables.write import write_table
from workflow.plan.plan import Plan
from workflow.plan.scale import load_scale
from workflow.project import Project

ROOT = Path(__file__).parents[2]
WHY = "wants a registration"


def project(absent: dict[str, str], **settings: Any) -> Project:
    config = load_scale(ROOT / "config" / "paper.yaml").model_dump() | {"absent": absent} | settings
    return Project.of(Plan.load(config, ROOT))


def test_nothing_is_made_for_a_task_that_is_left_out() -> None:
    made = project({"cityscapes": WHY})
    assert {run.task for run in made.plan.grid.runs} == {run.task for run in project({}).plan.grid.runs} - {
        "cityscapes"
    }
    assert not made.segmentation.is_scored("cityscapes") and not made.segmentation.trained_networks()
    assert "cityscapes" not in {path.parent.name for path in made.data.manifests()}


def test_its_cells_say_why_and_are_no_fault(tmp_path: Path) -> None:
    made = project({"cityscapes": WHY, "cat2dog": WHY, "horse2zebra": WHY})
    assert made.tables.faults(SimpleNamespace(table="table1")) == []
    planned = made.tables.cells_without_runs("table1")
    assert len(planned) == 12 * 5 and {cell.reason for cell in planned} == {WHY}
    files = {kind: tmp_path / f"table1.{kind}" for kind in ("csv", "md")}
    write_table(made.plan.tables["table1"], planned, made.plan.published, files, Provenance("paper", comparable=True))
    assert f"**No number**: 60 of 60 cells: {WHY}: every row\n" in files["md"].read_text()
    assert read_published(made.plan.published)["1", "enco", "horse2zebra", "FID"] in files["md"].read_text()


def test_what_holds_for_all_tasks_is_of_the_first_that_is_there() -> None:
    made = project({"zebra2horse": WHY, "dog2cat": WHY})
    sizes = [cell for cell in made.plan.grid.table("table2").cells if cell.task == "all"]
    assert {cell.evaluation.task for cell in sizes} == {"winter2summer"}
    every = dict.fromkeys(("zebra2horse", "dog2cat", "winter2summer", "photo2vangogh"), WHY)
    assert not project(every).plan.grid.table("table2").cells


def test_a_mistyped_task_is_answered_with_the_choices() -> None:
    with pytest.raises(UserError, match=r"Unknown task 'cityscape' in 'absent' of scale paper: .*cityscapes"):
        project({"cityscape": WHY})
