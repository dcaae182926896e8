"""Print the plan: every run, its iterations, the cells made of the run, and what the tables cost."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

from tabulate import tabulate

from enco.config.bounds import Real
from enco.config.commands import show_example
from enco.config.compute import Mode
from enco.config.yaml import parse_yaml
from enco.errors import UserError, run_cli
from enco.io.files import read_json
from eval.published import read_published
from workflow import paths
from workflow.cost.cards import card_speeds
from workflow.cost.images import Images, iterations
from workflow.cost.seconds import SecondsPerIteration, published_seconds, read_speeds
from workflow.plan.grid import Cell, Run
from workflow.plan.plan import Plan
from workflow.plan.scale import load_scale
from workflow.project import Project

ROOT = Path(__file__).parent.parent
Manifests = Mapping[str, Mapping[str, list[dict[str, Any]]]]
"""The image sets of each dataset that is in place: by name, each with its files."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan of one configuration, and what it costs."""
    options = parser().parse_args(argv)
    project = Project.load(load_scale(options.config).model_dump() | _asked(options.only), base=ROOT)
    speeds = shared(known_speeds(project.plan, options.timing, options.mode, options.card), *options.together)
    plan = project.plan.only(options.tables or project.plan.headline)
    manifests = read_manifests(plan)
    images = {**project.data.counts(), **counts(manifests)}
    print(render(plan, images), flush=True)  # the costs take some seconds more
    print(*(f"Left out: {fault}" for fault in plan.faults), sep="\n")
    print("", costs(plan, images, speeds), "", data_note(manifests), sep="\n")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m workflow", description="Print which trainings the tables need, and what they cost."
    )
    show_example(parser, "table1 table3 --config config/paper.yaml")
    parser.add_argument("--config", type=Path, default=ROOT / "config" / "demo.yaml", help="a scale's YAML file")
    parser.add_argument(
        "--only", metavar="YAML", help="a part of the grid: '{tables: [table1], tasks: [horse2zebra], rows: [enco]}'"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--card", metavar="NAME", help="take seconds from what is committed of this GPU, such as H200")
    source.add_argument(
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
    """Return the part of the grid that the command line names, as `--config only=...` of Snakemake does."""
    if only is None:
        return {}
    try:
        return {"only": parse_yaml(only, "--only")}
    except UserError:
        return {"only": only}  # its model says how to write it


def render(plan: Plan, images: Images) -> str:
    """Return the plan as text."""
    steps = [iterations(run.config, images) for run in plan.grid.runs]
    rows = [
        (run.task, run.variant, run.seed, number, feeds(plan, run))
        for run, number in zip(plan.grid.runs, steps, strict=True)
    ]
    table = tabulate(rows, headers=("task", "variant", "seed", "iterations", "feeds"), tablefmt="simple", intfmt=",")
    total = sum(number or 0 for number in steps)
    return f"{table}\n\n{len(rows)} trainings, {total:,} iterations at scale {plan.config.scale}."


def feeds(plan: Plan, run: Run) -> str:
    """Return the cells of a run, by table and row: 'table1 enco (FID, mAP); table3 F (FID)'."""
    cells = [cell for cell in plan.grid.cells if cell.evaluation.run == run]
    groups = groupby(cells, key=lambda cell: (cell.table, cell.row.key, cell.task))
    return "; ".join(
        f"{table} {row}{_opposite(run, task)} ({_metrics(list(group))})" for (table, row, task), group in groups
    )


def _opposite(run: Run, task: str) -> str:
    return f" {task}" if task not in (run.task, "all") else ""


def _metrics(cells: list[Cell]) -> str:
    return ", ".join(dict.fromkeys(cell.metric for cell in cells))


def costs(plan: Plan, images: Images, speeds: SecondsPerIteration) -> str:
    """Return what each table costs on its own, and all of them together, as text."""
    from workflow.cost.estimate import estimate, render_costs  # counts tensors, so it needs torch

    grids = {name: plan.grid.table(name) for name in plan.tables}
    if len(grids) > 1:
        grids["all"] = plan.grid
    selections = {name: (plan.selection_of(name),) for name in plan.tables}
    estimates = [
        estimate(name, grid, plan.tasks, images, speeds, selections.get(name, plan.selections))
        for name, grid in grids.items()
    ]
    return render_costs(estimates, speeds)


def known_speeds(
    plan: Plan, timing: Path | None, mode: Mode | None = None, card: str | None = None
) -> SecondsPerIteration:
    """Return a card's or a timing file's seconds; else the paper's, at a scale that is the paper's, else none."""
    mode = mode or plan.config.compute.mode
    if card is not None:
        return card_speeds(card, plan.size, mode)
    if timing:
        return read_speeds(timing, plan.size, mode)
    if plan.config.comparable:
        published = read_published(plan.published)
        return published_seconds(plan.grid, plan.tables, published, str(plan.config.published))
    return SecondsPerIteration(f"the paper's seconds are none of scale {plan.config.scale}, so give --timing FILE", {})


def shared(speeds: SecondsPerIteration, count: float, gain: float) -> SecondsPerIteration:
    """Return seconds where so many trainings share a GPU; raise UserError for numbers that cannot be."""
    if count < 1 or count != int(count) or not 0 < gain <= count:
        raise UserError(f"--together {count:g} {gain:g} cannot be: give a whole number, and a gain of at most that.")
    return replace(speeds, together=int(count), gain=gain)


def read_manifests(plan: Plan) -> Manifests:
    """Read the manifests of those datasets of the plan that are in place."""
    names = dict.fromkeys(run.config.data.root.name for run in plan.grid.runs)
    files = {name: plan.file(paths.MANIFEST, dataset=name) for name in names}
    return {name: read_json(path)["sets"] if path.exists() else {} for name, path in files.items()}


def counts(manifests: Manifests) -> Images:
    """Return the numbers of images of each dataset that is in place, by set."""
    return {name: {key: len(files) for key, files in sets.items()} for name, sets in manifests.items() if sets}


def data_note(manifests: Manifests) -> str:
    """Return how much the datasets take, and which of them are not there to be asked."""
    size = sum(file["bytes"] for sets in manifests.values() for files in sets.values() for file in files)
    absent = ", ".join(name for name, sets in manifests.items() if not sets)
    return f"Data sets in place: {size / 1e9:.1f} GB." + f" Not in place, and not counted: {absent}." * bool(absent)


if __name__ == "__main__":
    run_cli(main)
