from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enco import methods
from enco.config.compute import ComputeConfig
from enco.errors import UserError
from enco.options.base import MethodInfo
from enco.training.identity import config_hash
from eval.tables.spec import TableSpec, load_tables
from workflow.plan.grid import Grid, expand, variant_name
from workflow.plan.plan import Plan
from workflow.plan.scale import ScaleConfig, load_scale, tasks_of_scale
from workflow.project import Project

ROOT = Path(__file__).parents[2]
TWO_SIDED = {"cyclegan", "dclgan", "munit", "drit", "distancegan", "selfdistance"}


@pytest.fixture(scope="module")
def tables() -> dict[str, TableSpec]:
    return {name: table for name, table in load_tables(ROOT / "config" / "tables.yaml").items() if not table.extra}


@pytest.fixture(scope="module")
def all_twelve(tables: dict[str, TableSpec]) -> dict[str, MethodInfo]:
    """Every method of Table 1."""
    return {row.method: methods.info(row.method) for row in tables["table1"].rows}


def plan(tables: dict[str, TableSpec], available: dict[str, MethodInfo], **settings: Any) -> Grid:
    config = load_scale(ROOT / "config" / "paper.yaml").model_copy(update=settings)
    return expand(tables, tasks_of_scale(config, ROOT), config, available)


@pytest.mark.parametrize(("share", "trainings"), [(False, 70), (True, 66)])
def test_four_tables_need_70_trainings_or_66_with_directions_shared(
    tables: dict[str, TableSpec], all_twelve: dict[str, MethodInfo], share: bool, trainings: int
) -> None:
    assert len(all_twelve) == 12
    grid = plan(tables, all_twelve, share_directions=share)
    assert len(grid.runs) == trainings
    assert len(grid.cells) == 176


def test_seeds_multiply_the_trainings(tables: dict[str, TableSpec], all_twelve: dict[str, MethodInfo]) -> None:
    assert len(plan(tables, all_twelve, seeds=[0, 1, 2]).runs) == 3 * 66


def test_two_sided_methods_are_those_of_the_paper(all_twelve: dict[str, MethodInfo]) -> None:
    assert {name for name, method in all_twelve.items() if method.two_sided} == TWO_SIDED


def test_equal_trainings_are_one_run(tables: dict[str, TableSpec], all_twelve: dict[str, MethodInfo]) -> None:
    grid = plan(tables, all_twelve)
    run = {(c.table, c.row.key, c.task): c.evaluation.run for c in grid.cells}
    assert run["table1", "enco", "cat2dog"] == run["table3", "F", "cat2dog"] == run["table4", "default", "cat2dog"]
    assert run["table3", "D", "horse2zebra"] == run["table4", "uniform", "horse2zebra"]


def test_the_way_back_of_a_two_sided_method_is_no_training_of_its_own(tables: dict[str, TableSpec]) -> None:
    grid = plan(tables, methods.infos())
    back = {(e.run.variant, e.task): e for e in grid.evaluations}
    assert back["cyclegan", "zebra2horse"].run.task == "horse2zebra"
    assert back["cyclegan", "zebra2horse"].backward
    assert back["cut", "zebra2horse"].run.task == "zebra2horse"
    assert not back["cut", "zebra2horse"].backward


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "enco"),
        ({"k": 4, "beta": 0.5}, "enco"),
        ({"k": 2}, "enco+k=2"),
        ({"pairs": [[7, 24]]}, "enco+pairs=7-24"),
        ({"pairs": [[3, 28], [7, 24]]}, "enco+pairs=3-28_7-24"),
        ({"k": 1, "beta": 0.0}, "enco+k=1"),
        ({"beta": 1.0, "heads": "separate"}, "enco+beta=1.0+heads=separate"),
    ],
)
def test_a_variant_is_named_by_what_differs(options: dict[str, Any], name: str) -> None:
    assert variant_name(methods.info("enco"), options) == name


def test_tasks_keep_the_papers_epochs(tables: dict[str, TableSpec], all_twelve: dict[str, MethodInfo]) -> None:
    runs = plan(tables, all_twelve, method_epochs={"munit": (7, 0)}).runs
    epochs = {(r.task, r.config.method): r.config.train.n_const + r.config.train.n_decay for r in runs}
    assert epochs["cityscapes", "enco"] == epochs["horse2zebra", "cyclegan"] == 400
    assert epochs["cat2dog", "enco"] == epochs["photo2vangogh", "cut"] == 200
    assert epochs["cityscapes", "munit"] == epochs["cat2dog", "munit"] == 7


def test_a_two_sided_method_that_trains_one_way_is_trained_for_each(
    tables: dict[str, TableSpec], all_twelve: dict[str, MethodInfo]
) -> None:
    rows = [{"key": "distancegan", "options": {"directions": "forward"}}]
    columns = [{"task": task, "metrics": ["FID"]} for task in ("cat2dog", "dog2cat")]
    own = load_tables({"own": {"rows": rows, "columns": columns}})
    assert [run.task for run in plan(own, all_twelve).runs] == ["cat2dog", "dog2cat"]
    whole = load_tables({"own": {"rows": [{"key": "distancegan"}], "columns": columns}})
    assert [run.task for run in plan(whole, all_twelve).runs] == ["cat2dog"]


def test_options_of_a_task_are_no_variant_of_their_own(
    tables: dict[str, TableSpec], all_twelve: dict[str, MethodInfo]
) -> None:
    runs = plan(tables, all_twelve, task_options={"cat2dog": {"cut": {"patches": 9}}}).runs
    patches = {run.task: run.config.options["patches"] for run in runs if run.variant == "cut"}
    assert patches["cat2dog"] == 9
    assert set(patches.values()) == {9, 256}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochz": {}}, ["epochz", "epochs"]),
        ({"epochs": {"default": [1, 1], "horse2zbra": [2, 2]}}, ["horse2zbra", "horse2zebra"]),
        ({"epochs": {}}, ["default"]),
        ({"tasks": {"my task": {"folder": "x"}}}, ["my task"]),
        ({"options": {"cutt": {"k": 1}}}, ["cutt", "cyclegan"]),
        ({"options": {"cut": {"kk": 1}}}, ["kk", "patches"]),
        ({"task_options": {"horse2zbra": {}}}, ["horse2zbra", "horse2zebra"]),
        ({"task_options": {"horse2zebra": {"cut": {"kk": 1}}}}, ["kk", "task_options.horse2zebra"]),
        ({"task_options": {"facades": {"negcut": {"halvings": "x"}}}}, ["halvings", "negcut"]),
        ({"task_options": {"dog2cat": {"cyclegan": {"pool_size": 7}}}}, ["dog2cat", "cat2dog", "share_directions"]),
        ({"epochs": {"default": [1, 1], "dog2cat": [5, 5]}}, ["dog2cat", "cat2dog", "share_directions"]),
        ({"method_epochs": {"cutt": [1, 1]}}, ["cutt", "cyclegan"]),
        (
            {"tables": {"t": {"rows": [{"key": "cut"}], "columns": [{"task": "cat2dgo", "metrics": ["FID"]}]}}},
            ["cat2dgo", "cat2dog"],
        ),
        (
            {"tables": {"t": {"rows": [{"key": "cut"}], "columns": [{"task": "cat2dog", "metrics": ["FIDD"]}]}}},
            ["FIDD", "FID"],
        ),
    ],
)
def test_a_mistake_in_the_configuration_is_one_sentence_with_the_choices(
    change: dict[str, Any], words: list[str]
) -> None:
    config = load_scale(ROOT / "config" / "demo.yaml").model_dump(exclude_defaults=True)
    with pytest.raises(UserError) as error:
        Project.load(config | change, ROOT)
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)


def test_settings_of_two_scales_never_share_a_folder() -> None:
    folders = [{run.folder.parts[1] for run in Plan.load(_raw(name), ROOT).grid.runs} for name in ("demo", "paper")]
    assert folders == [{"demo"}, {"paper"}]


def _raw(name: str) -> dict[str, Any]:
    config: ScaleConfig = load_scale(ROOT / "config" / f"{name}.yaml")
    return config.model_dump()


def test_a_scales_speed_is_that_of_its_runs_and_another_one_retrains() -> None:
    config = load_scale(ROOT / "config" / "demo.yaml").model_dump()
    plain, fast, spelled = (
        Plan.load({**config, "compute": compute}, base=ROOT) for compute in ("plain", "fast", {"mode": "fast"})
    )
    assert fast.grid.runs[0].config.compute == ComputeConfig(mode="fast")
    hashes = [[config_hash(run.config) for run in plan.grid.runs] for plan in (plain, fast, spelled)]
    assert hashes[1] == hashes[2] and not set(hashes[0]) & set(hashes[1])


@pytest.mark.parametrize(("tracking", "waits"), [("live", True), ("sync", False), ("off", False)])
def test_only_trainings_that_mirror_themselves_wait_for_the_store(tracking: str, waits: bool) -> None:
    config = load_scale(ROOT / "config" / "demo.yaml").model_dump()
    config["train"]["tracking"] = tracking
    assert bool(Project.load(config, base=ROOT).train.tracking_store()) is waits
