"""The plan in print: every run, its iterations, the cells that it feeds, and what the tables cost."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

from tabulate import tabulate

from enco.config.bounds import Real
from enco.config.compute import Mode
from enco.config.yaml import parse_yaml
from enco.errors import UserError, run_cli
from enco.io.files import read_json
from eval.published import read_published
from workflow import paths
from workflow.cost.estimate import GB, Images, estimate, iterations, render_costs
from workflow.cost.seconds import SecondsPerIteration, published_speeds, read_speeds
from workflow.plan.grid import Cell, Run
from workflow.plan.scale import load_scale
from workflow.project import Project

ROOT = Path(__file__).parent.parent
Manifests = Mapping[str, Mapping[str, list[dict[str, Any]]]]
"""The image sets of each dataset that is in place: by name, each with its files."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan of one configuration, and what it costs."""
    options = parser().parse_args(argv)
    project = Project.load(load_scale(options.config).model_dump() | _asked(options.only), base=ROOT)
    speeds = shared(known_speeds(project, options.timing, options.mode), *options.together)
    planned = project.only(options.tables or project.headline)
    manifests = read_manifests(planned)
    images = {**planned.images.counts(), **counts(manifests)}
    print(render(planned, images), flush=True)  # the costs take some seconds more
    print(*(f"Left out: {fault}" for fault in planned.faults), sep="\n")
    print("", costs(planned, images, speeds), "", data_note(manifests), sep="\n")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m workflow", description="Print which trainings the tables need, and what they cost."
    )
    parser.add_argument("--config", type=Path, default=ROOT / "config" / "demo.yaml", help="a scale's YAML file")
    parser.add_argument(
        "--only", metavar="YAML", help="a part of the grid: '{tables: [table1], tasks: [horse2zebra], rows: [enco]}'"
    )
    parser.add_argument(
        "--timing",
        type=Path,
        metavar="FILE",
        help="timing file, or CSV file of benchmarks.speed, to take seconds from (default: the paper's sec/iter)",
    )
    parser.add_argument("--mode", choices=get_args(Mode), help="whose lines of a CSV file (default: the scale's speed)")
    parser.add_argument(
        "--together",
        type=Real(0, 1024),
        nargs=2,
        default=(1, 1.0),
        metavar=("N", "GAIN"),
        help="N trainings share a GPU and do GAIN times the iterations of one (benchmarks.speed --together 1 2 4)",
    )
    parser.add_argument("tables", nargs="*", help="only these tables (default: all of them)")
    return parser


def _asked(only: str | None) -> dict[str, Any]:
    """The part of the grid that the command line names, as `--config only=...` of Snakemake does."""
    if only is None:
        return {}
    try:
        return {"only": parse_yaml(only, "--only")}
    except UserError:
        return {"only": only}  # its model says how to write it


def render(project: Project, images: Images) -> str:
    """The plan as text."""
    steps = [iterations(run.config, images) for run in project.grid.runs]
    rows = [
        (run.task, run.variant, run.seed, number, feeds(project, run))
        for run, number in zip(project.grid.runs, steps, strict=True)
    ]
    table = tabulate(rows, headers=("task", "variant", "seed", "iterations", "feeds"), tablefmt="simple", intfmt=",")
    total = sum(number or 0 for number in steps)
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


def costs(project: Project, images: Images, speeds: SecondsPerIteration) -> str:
    """What each table costs on its own, and all of them together, as text."""
    grids = {name: project.grid.table(name) for name in project.tables}
    if len(grids) > 1:
        grids["all"] = project.grid
    selection = project.config.selection
    estimates = [estimate(name, grid, project.tasks, images, speeds, selection) for name, grid in grids.items()]
    return render_costs(estimates, speeds)


def known_speeds(project: Project, timing: Path | None, mode: Mode | None = None) -> SecondsPerIteration:
    """A timing file's seconds; without one the paper's, at a scale that is the paper's, else none."""
    if timing:
        return read_speeds(timing, project.size, mode or project.config.compute.mode)
    if project.config.comparable:
        published = read_published(project.published)
        return published_speeds(project.grid, project.tables, published, str(project.config.published))
    return SecondsPerIteration(
        f"the paper's seconds are none of scale {project.config.scale}, so give --timing FILE", {}
    )


def shared(speeds: SecondsPerIteration, count: float, gain: float) -> SecondsPerIteration:
    """The same seconds where so many trainings share a GPU; UserError for numbers that cannot be."""
    if count < 1 or count != int(count) or not 0 < gain <= count:
        raise UserError(f"--together {count:g} {gain:g} cannot be: give a whole number, and a gain of at most that.")
    return replace(speeds, together=int(count), gain=gain)


def read_manifests(project: Project) -> Manifests:
    """The manifests of those datasets of the plan that are in place."""
    names = dict.fromkeys(run.config.data.root.name for run in project.grid.runs)
    files = {name: paths.fill(paths.MANIFEST, scale=project.config.scale, dataset=name) for name in names}
    return {name: read_json(path)["sets"] if path.exists() else {} for name, path in files.items()}


def counts(manifests: Manifests) -> Images:
    """Images of each dataset that is in place, by set."""
    return {name: {key: len(files) for key, files in sets.items()} for name, sets in manifests.items() if sets}


def data_note(manifests: Manifests) -> str:
    """How much the datasets take, and which of them are not there to be asked."""
    size = sum(file["bytes"] for sets in manifests.values() for files in sets.values() for file in files)
    absent = ", ".join(name for name, sets in manifests.items() if not sets)
    return f"Data sets in place: {size / GB:.1f} GB." + f" Not in place, and not counted: {absent}." * bool(absent)


if __name__ == "__main__":
    run_cli(main)
