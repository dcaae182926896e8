"""Checkpoint selection in the plan: tables of the final generators, of those chosen on the test set, or of both."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from enco.errors import UserError
from workflow import paths
from workflow.__main__ import known_speeds
from workflow.cost.estimate import Cost, estimate
from workflow.inputs.data import ImageSets
from workflow.plan.plan import Plan
from workflow.project import Project
from workflow.targets import check_targets

ROOT = Path(__file__).parents[2]
TINY = yaml.safe_load((ROOT / "tests" / "support" / "tiny.yaml").read_text())


def plan(selection: str, **settings: Any) -> Plan:
    return Plan.load(TINY | {"selection": selection} | settings, ROOT)


def test_both_make_each_table_twice_of_the_same_trainings() -> None:
    both, final = plan("both"), plan("final")
    assert list(both.tables) == ["methods", "methods.best", "sampling", "sampling.best"]
    assert both.grid.runs == final.grid.runs
    assert both.part == final.part and both.headline == list(both.tables)
    assert [both.selection_of(name) for name in both.tables] == ["final", "best"] * 2
    assert list(both.tables_once) == list(final.tables) == list(plan("best").tables_once)


def test_a_title_says_that_generators_were_chosen_on_the_test_set() -> None:
    titled = {"title": "Samplings", **TINY["tables"]["sampling"]}
    both = plan("both", tables={**TINY["tables"], "sampling": titled})
    assert [spec.heading for spec in both.tables.values()] == [
        *("methods", "methods: generators chosen on the test set"),
        *("sampling: Samplings", "sampling: Samplings, by generators chosen on the test set"),
    ]
    assert plan("best").tables["methods"].heading == both.tables["methods.best"].heading


def scored(made: Plan, table: str) -> set[str]:
    """How the scores files of a table's methods end."""
    found = Project.of(made).tables.planned(SimpleNamespace(table=table))
    return {one["scores"].rpartition("/")[2] for one in found if one["scores"]}


def test_each_table_reads_the_scores_of_its_generators_and_all_else_those_of_the_first() -> None:
    both = plan("both")
    assert scored(both, "sampling") == scored(plan("final"), "sampling") == {"horse2zebra.final.json"}
    assert scored(both, "sampling.best") == scored(plan("best"), "sampling") == {"horse2zebra.best.json"}
    task = SimpleNamespace(test_task="horse2zebra")
    assert Project.of(both).report.planned(task) == Project.of(plan("final")).report.planned(task)
    assert Project.of(both).protocol.planned(task) == Project.of(plan("final")).protocol.planned(task)


def test_a_part_and_an_extra_table_come_with_both() -> None:
    assert plan("both", only={"tables": ["sampling"]}).headline == ["sampling", "sampling.best"]
    extra = {**TINY["tables"], "sampling": {"extra": True, **TINY["tables"]["sampling"]}}
    assert plan("both", tables=extra).headline == ["methods", "methods.best"]
    assert plan("both", tables=extra, only={"tables": ["sampling"]}).headline == ["sampling", "sampling.best"]


def test_targets_of_both_are_known_and_others_are_not() -> None:
    for ending in paths.ENDINGS.values():
        check_targets(plan("both"), [], [f"results/methods.best.{ending}"])
        with pytest.raises(UserError, match=r"Unknown table 'methods\.best'"):
            check_targets(plan("final"), [], [f"results/methods.best.{ending}"])


def test_both_cost_the_same_trainings_and_more_disk() -> None:
    def cost(selection: str) -> Cost:
        made = plan(selection)
        images, speeds = ImageSets(made).counts(), known_speeds(made, None)
        return estimate("all", made.grid, made.tasks, images, speeds, made.selections)

    final, best, both = (cost(selection) for selection in ("final", "best", "both"))
    assert both.trainings == final.trainings
    assert both.disk["translated"] == 2 * final.disk["translated"] > 0
    assert both.disk["generators"] == best.disk["generators"] > final.disk["generators"]


@pytest.mark.parametrize("selection", ["best", "both"])
def test_a_choice_needs_snapshots(selection: str) -> None:
    with pytest.raises(UserError, match=rf"selection '{selection}' needs train\.snapshot_epochs"):
        plan(selection, train={**TINY["train"], "snapshot_epochs": 0})


def test_no_table_of_the_users_can_have_the_name_of_a_second_one() -> None:
    with pytest.raises(UserError, match="name"):
        plan("both", tables={"methods.best": TINY["tables"]["methods"]})
