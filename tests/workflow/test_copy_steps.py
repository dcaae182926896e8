"""Trainings of a scale that begin by copying images: which runs do, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from enco.errors import UserError
from enco.methods.parts.generator_file import save_generator
from tests.support.tiny_methods import tiny_method
from workflow.plan.plan import Plan
from workflow.project import Project

ROOT = Path(__file__).parents[2]
TINY = yaml.safe_load((ROOT / "tests" / "support" / "tiny.yaml").read_text())


def plan(copy_steps: dict[str, Any]) -> Plan:
    return Plan.load({**TINY, "copy_steps": copy_steps}, ROOT)


def test_only_the_methods_named_copy_under_the_names_they_have() -> None:
    with_it, without = plan({"cut": 9}).grid.runs, plan({}).grid.runs
    assert {run.config.copy_steps for run in with_it if run.config.method == "cut"} == {9}
    assert {run.config.copy_steps for run in with_it if run.config.method != "cut"} == {0}
    assert [run.variant for run in with_it] == [run.variant for run in without]


def test_a_default_is_for_methods_not_named_and_those_without_a_file_to_start_from(tmp_path: Path) -> None:
    save_generator(tiny_method("cut"), tmp_path / "g")
    steps: dict[str, Any] = {"default": 7, "enco": 3}
    started = Plan.load({**TINY, "init": {"cut": str(tmp_path / "g")}, "copy_steps": steps}, ROOT).grid.runs
    for runs, of_cut in ((plan(steps).grid.runs, 7), (started, 0)):
        found = {run.config.method: run.config.copy_steps for run in runs}
        assert {"enco": 3, "cut": of_cut}.items() <= found.items()
        assert {count for method, count in found.items() if method not in ("enco", "cut")} == {7}


def test_the_code_that_copies_counts_for_them_alone() -> None:
    def files(copy_steps: dict[str, Any]) -> dict[str, list[str]]:
        project = Project.load({**TINY, "copy_steps": copy_steps}, base=ROOT)
        runs = {run.config.method: run for run in project.plan.grid.runs}
        differences = {name: project.train.code_differences(run.config, {}) for name, run in runs.items()}
        return {name: [difference.key for difference in found] for name, found in differences.items()}

    before, after = files({}), files({"cut": 9})
    assert {*after["cut"]} - {*before["cut"]} == {"enco/training/copying.py"}
    assert before["enco"] == after["enco"]


def test_a_file_to_start_from_and_copying_are_two_starts(tmp_path: Path) -> None:
    save_generator(tiny_method("cut"), tmp_path / "g")
    both: dict[str, Any] = {**TINY, "init": {"cut": str(tmp_path / "g")}, "copy_steps": {"cut": 9}}
    message = r"^'init' and 'copy_steps' of scale tiny both name cut.*: set copy_steps: \{cut: 0\} or leave init out\.$"
    with pytest.raises(UserError, match=message):
        Plan.load(both, ROOT)
    assert Plan.load({**both, "copy_steps": {"cut": 0}}, ROOT).grid.runs


def test_mistakes_are_one_sentence() -> None:
    with pytest.raises(UserError, match=r"Unknown method 'cuts' in 'copy_steps' of scale tiny"):
        plan({"cuts": 9})
    with pytest.raises(UserError, match=r"copy_steps"):
        plan({"cut": -1})
