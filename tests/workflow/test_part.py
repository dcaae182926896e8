"""A part of the grid: what is kept, what it is called, and what is said of a name that is in none of the tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from snakemake.cli import parse_config

from enco.errors import UserError
from workflow import paths
from workflow.__main__ import main
from workflow.inputs.tables import PrintedTables
from workflow.plan.part import EXAMPLE
from workflow.plan.plan import Plan
from workflow.plan.scale import load_scale

ROOT = Path(__file__).parents[2]


def plan(only: Any, **settings: Any) -> Plan:
    config = load_scale(ROOT / "config" / "paper.yaml").model_dump() | settings
    return Plan.load(config | {"only": only}, ROOT)


def test_the_literal_argument_of_snakemake_names_a_part() -> None:
    made = plan(**parse_config([EXAMPLE]))
    assert list(made.tables) == ["table1"]
    assert [row.key for row in made.tables["table1"].rows] == ["cut", "enco"]
    assert {run.task for run in made.grid.runs} == {"horse2zebra"}
    assert {run.variant for run in made.grid.runs} == {"cut", "enco"}
    assert [cell.metric for cell in made.grid.cells] == ["FID", "sec/iter"] * 2


@pytest.mark.parametrize(
    ("given", "tables"),
    [
        ("only={rows: [dclgan]}", ["table1", "table2"]),
        ("only={rows: dclgan, tables: table2}", ["table2"]),
        ("only={tasks: [facades]}", ["facades"]),
        ("only={tables: [facades]}", ["facades"]),
    ],
)
def test_tables_without_rows_or_columns_of_the_part_are_dropped(given: str, tables: list[str]) -> None:
    made = plan(**parse_config([given]))
    assert list(made.tables) == tables
    assert {cell.table for cell in made.grid.cells} == set(tables)


def test_a_table_asked_for_by_name_is_one_of_all_tables() -> None:
    assert plan({"tables": ["facades"]}).headline == ["facades"]
    assert "facades" not in plan({}).headline


def test_an_extra_table_that_is_all_of_a_part_is_made() -> None:
    assert plan({"tasks": ["facades"]}).headline == ["facades"]
    assert plan({"tasks": ["facades", "cat2dog"]}).headline == ["table1", "table3", "table4"]


def test_a_part_has_one_folder_however_it_is_written() -> None:
    first, second = (plan({"rows": rows}) for rows in (["enco", "cut"], ["cut", "enco", "cut"]))
    assert first.part == second.part == "seed0-only-cut-enco"
    assert PrintedTables(first).provenance() == PrintedTables(second).provenance()


def test_a_folder_of_many_names_or_seeds_is_one_that_can_be_made(tmp_path: Path) -> None:
    whole = plan({})
    rows = sorted({row.key for table in whole.tables.values() for row in table.rows})
    tasks = sorted({run.task for run in whole.grid.runs})
    parts = [
        plan({"rows": rows, "tasks": tasks}).part,
        plan({"rows": rows[1:], "tasks": tasks}).part,
        plan({"rows": ["enco"]}, seeds=list(range(100))).part,
    ]
    for part in parts:
        (tmp_path / part / "figures").mkdir(parents=True)
    assert len(set(parts)) == 3


def test_a_row_of_any_name_gives_a_folder_that_a_command_can_name(tmp_path: Path) -> None:
    row = "{key: 'my row/2', label: Mine, method: cut}"
    tables = tmp_path / "tables.yaml"
    tables.write_text(f"tables: {{mine: {{rows: [{row}], columns: [{{task: cat2dog, metrics: [FID]}}]}}}}")
    part = plan({"rows": ["my row/2"]}, tables=tables).part
    assert re.fullmatch(r"seed0-only-my_row_2-[0-9a-f]{8}", part)


def test_what_holds_for_all_tasks_is_kept_beside_a_task() -> None:
    made = plan({"tables": ["table2"], "tasks": ["dog2cat"]})
    assert [column.task for column in made.tables["table2"].columns] == ["dog2cat", "all"]


def test_a_part_writes_over_no_table_and_no_timing_of_the_whole() -> None:
    whole, part, other = plan({}), plan({"rows": ["enco"]}), plan({"rows": ["cut"]})
    assert len({whole.part, part.part, other.part}) == 3
    assert len({made.timing_file for made in (whole, part, other)}) == 3
    assert set(part.grid.runs) < set(whole.grid.runs), "trainings are the same"
    assert part.template(paths.CELLS) == "results/paper/seed0-only-enco/cells.csv"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("only={tables: [tabel1]}", "Unknown table 'tabel1' in 'only': choose one of facades, table1, table2"),
        ("only={tasks: [horse2zebr]}", r"Unknown task 'horse2zebr' in 'only': choose one of cat2dog, .*horse2zebra"),
        ("only={rows: [enko]}", r"Unknown row 'enko' in 'only': choose one of .*enco"),
        ("only={tables: [table4], rows: [cut]}", r"Unknown row 'cut' in 'only': choose one of default, heavily_biased"),
        ("only={tables: [table2, table4], rows: [cut]}", "Nothing of table4 is left by 'only'"),
        (
            "only={methods: [enco]}",
            "Unknown key 'only.methods' in the configuration: choose one of rows, tables, tasks",
        ),
        ("only={tables: [table1", r"Invalid setting 'only' in the configuration: '\{tables: \[table1' names no part"),
        ("only=table1", "'table1' names no part of the grid: write it as in 'only={tables"),
    ],
)
def test_a_wrong_part_is_one_sentence_with_the_valid_names(given: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        plan(**parse_config([given]))
    assert "\n" not in str(error.value)


def test_the_plan_in_print_is_that_of_the_part(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--only", "{tables: [table1], tasks: [horse2zebra], rows: [enco, cut]}"])
    said = capsys.readouterr().out
    assert "2 trainings" in said and "cyclegan" not in said
    with pytest.raises(UserError, match="Unknown row 'enko'"):
        main(["--only", "{rows: [enko]}"])
