"""The plan in print: every run, its iterations, and the cells that it feeds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from tabulate import tabulate

from enco import methods
from enco.files import read_json
from workflow.grid import Cell, Run
from workflow.project import Project
from workflow.settings import load_scale

ROOT = Path(__file__).parent.parent


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan of one configuration."""
    parser = argparse.ArgumentParser(
        prog="python -m workflow.grid", description="Print which trainings the tables need."
    )
    parser.add_argument("--config", type=Path, default=ROOT / "config" / "demo.yaml", help="a scale's YAML file")
    parser.add_argument("tables", nargs="*", help="only these tables (default: all of them)")
    options = parser.parse_args(argv)
    project = Project.load(load_scale(options.config).model_dump(), base=ROOT)
    print(render(project.only(options.tables or project.headline)))
    return 0


def render(project: Project) -> str:
    """The plan as text."""
    rows = [
        (run.task, run.variant, run.seed, iterations(project, run), feeds(project, run)) for run in project.grid.runs
    ]
    table = tabulate(rows, headers=("task", "variant", "seed", "iterations", "feeds"), tablefmt="simple", intfmt=",")
    total = sum(row[3] or 0 for row in rows)
    return f"{table}\n\n{len(rows)} trainings, {total:,} iterations at scale {project.config.scale}."


def feeds(project: Project, run: Run) -> str:
    """The cells of a run, by table and row: 'table1 enco (FID, mAP); table3 F (FID)'."""
    cells = [cell for cell in project.grid.cells if cell.evaluation.run == run]
    groups = groupby(cells, key=lambda cell: (cell.table, cell.row.key, cell.task))
    return "; ".join(
        f"{table} {row}{_way_back(run, task)} ({_metrics(list(group))})" for (table, row, task), group in groups
    )


def _way_back(run: Run, task: str) -> str:
    return f" {task}" if task not in (run.task, "all") else ""


def _metrics(cells: list[Cell]) -> str:
    return ", ".join(dict.fromkeys(cell.metric for cell in cells))


def iterations(project: Project, run: Run) -> int | None:
    """Optimisation steps of a run; None for image sets that are not there and whose sizes are not known."""
    counts = train_counts(project, run.config.data.root)
    if counts is None:
        return None
    schedule = run.config.train
    options = methods.get(run.config.method).Options.model_validate(run.config.options)
    total = (schedule.n_const + schedule.n_decay) * (max(counts) // options.images_per_step)
    return min(total, options.max_iterations or total)


def train_counts(project: Project, root: Path) -> tuple[int, int] | None:
    """Training images of both domains: from the manifest, else from what the data set is known to hold."""
    manifest = root / "manifest.json"
    if manifest.exists():
        sets = read_json(manifest)["sets"]
        return len(sets["trainA"]), len(sets["trainB"])
    known = project.known_counts().get(root.name)
    return (known["trainA"], known["trainB"]) if known else None
