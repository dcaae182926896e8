"""A row of the user's own: what is wrong with it is told, and costs no other row."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from enco import methods
from enco.errors import UserError
from eval.tables.spec import load_tables
from workflow.inputs.report import Figures
from workflow.inputs.tables import PrintedTables
from workflow.plan.plan import Plan
from workflow.plan.scale import load_scale

ROOT = Path(__file__).parents[2]
TABLES = load_tables(ROOT / "config" / "tables.yaml")


def plan(*rows: dict[str, Any]) -> Plan:
    """The plan of the demo scale with rows of one's own in its tables 1 to 4."""
    config = load_scale(ROOT / "config" / "demo.yaml").model_dump()
    tables = {name: spec.model_dump(mode="json", exclude={"name"}) for name, spec in TABLES.items()}
    tables["table1"]["rows"] += rows
    return Plan.load(config | {"tables": tables}, ROOT)


@pytest.fixture
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of a method `mine`, beside the others'."""
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    methods._look_up.cache_clear()
    yield tmp_path / "mine.py"
    methods._look_up.cache_clear()
    sys.modules.pop("enco.methods.mine", None)


def test_every_file_of_ours_can_be_imported() -> None:
    assert methods.broken() == {}
    assert methods.available().keys() == methods.infos().keys()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("import torch\n\ndef step(:\n", "SyntaxError in line 3: invalid syntax"),
        ("import no_such_package\n", "ModuleNotFoundError in line 1: No module named 'no_such_package'"),
        ("\n1 / 0\n", "ZeroDivisionError in line 2: division by zero"),
    ],
)
def test_a_broken_method_file_is_named_and_the_others_go_on(own_file: Path, content: str, what: str) -> None:
    own_file.write_text(content)
    assert len(methods.infos()) == 12 and "mine" not in methods.infos()
    with pytest.raises(UserError, match=r"'mine' cannot be used: enco/methods/mine\.py has a ") as error:
        methods.info("mine")
    assert what in str(error.value) and "\n" not in str(error.value)
    made = plan({"key": "mine"})
    assert made.grid.runs == plan().grid.runs
    assert [fault for fault in made.faults if what in fault and "row 'mine' of table1" in fault] == made.faults


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"key": "mine"}, ["Unknown method 'mine'", "row 'mine' of table1", "enco"]),
        ({"key": "mine", "method": "enco", "options": {"kk": 2}}, ["Unknown key 'kk'", "method enco"]),
        ({"key": "mine", "method": "enco", "options": {"k": "two"}}, ["'k'", "method enco"]),
        ({"key": "mine", "method": "enco", "options": {"ngf": 16}}, ["'ngf'", "row mine", "scale demo"]),
    ],
)
def test_a_row_that_cannot_be_planned_leaves_all_others(row: dict[str, Any], words: list[str]) -> None:
    made, without = plan(row), plan()
    assert len(made.faults) == 1 and all(word in made.faults[0] for word in words)
    assert made.grid.cells == without.grid.cells
    assert [run.config for run in made.grid.runs] == [run.config for run in without.grid.runs]
    wildcards: Any = type("Wildcards", (), {"table": "table1"})
    planned = PrintedTables(made).planned(wildcards)
    assert {cell["reason"] for cell in planned if cell["row"] == "mine"} == {made.faults[0]}
    assert "mine" not in [row.key for row, _ in Figures(made).rows("cat2dog")]


def test_a_good_row_adds_its_runs_and_changes_no_other() -> None:
    made, without = plan({"key": "mine", "method": "enco", "options": {"k": 3}}), plan()
    assert set(without.grid.runs) < set(made.grid.runs)
    before = {run: run.config for run in without.grid.runs}
    assert all(before.get(run, run.config) == run.config for run in made.grid.runs)
    assert {run.variant for run in set(made.grid.runs) - set(before)} == {"enco+k=3"}
