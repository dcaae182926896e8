"""What a plan imports: neither torch nor pandas, which take longer than the plan."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "torchvision", "pandas", "mlflow", "scipy"}
SNAKEMAKES_OWN = {"pandas"}
"""Imported by Snakemake itself, for the report of its plugin for SLURM."""
PLAN = """
import sys
from pathlib import Path
from workflow.plan.scale import load_scale
from workflow.project import Project
from workflow.targets import check_targets

project = Project.load(load_scale(Path("config/paper.yaml")).model_dump(), base=Path.cwd())
check_targets(project.plan, [("all_tables", False)], ["all_tables"])
assert project.tables.current() and project.weights.all() and project.data.counts()
"""


def imported(*command: str) -> tuple[set[str], str]:
    """Run Python, and return every module that it imports, and all that it prints."""
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}, done.stdout + done.stderr


@pytest.mark.parametrize("code", [PLAN, "import workflow.__main__"], ids=["plan", "print"])
def test_a_plan_of_the_papers_scale_imports_neither_torch_nor_pandas(code: str) -> None:
    modules, _ = imported("-c", code)
    assert "workflow.project" in modules
    assert not HEAVY & modules


@pytest.mark.slow
def test_a_dry_run_of_the_papers_scale_imports_no_torch() -> None:
    modules, said = imported("-m", "snakemake", "-n", "all_tables", "--configfile", "config/paper.yaml")
    assert "This was a dry-run" in said and "workflow.project" in modules
    assert HEAVY & modules <= SNAKEMAKES_OWN
