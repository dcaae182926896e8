"""A mistyped target ends in one sentence with the valid choices, before anything is planned."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from enco.errors import UserError, unknown
from eval.figures.paper.options import NAMES
from workflow import paths
from workflow.inputs.paper_figures import FiguresOfPaper, not_made
from workflow.plan.plan import Plan

NAMED = {
    *("all_tables", "archive", "claims", "curves", "data", "drn", "figures", "paper_figures", "paper_figures_so_far"),
    *("protocol", "publish", "released", "report", "tables_so_far", "weights"),
}


def requested_targets() -> list[str]:
    """Return the targets on Snakemake's command line; none when something else reads the Snakefile."""
    if "snakemake" not in (Path(sys.argv[0]).stem, Path(sys.argv[0]).parent.name):
        return []
    from snakemake.cli import parse_args

    return list(parse_args(sys.argv[1:])[1].targets or [])


def asks_for(name: str) -> bool:
    """Return whether Snakemake's command line names a target, or a file directly under results/ of that name."""
    return any(name in (target, PurePosixPath(target).name.partition(".")[0]) for target in requested_targets())


def check_targets(plan: Plan, rules: Iterable[tuple[str, bool]], targets: Iterable[str] | None = None) -> None:
    """Raise UserError for a target that no rule can make, naming those that can be asked for.

    `rules` are the names of all rules, each with whether the rule has wildcards: then its files are targets, not it.
    """
    known = dict(rules)
    for target in requested_targets() if targets is None else targets:
        if known.get(target):
            raise UserError(f"'{target}' makes one file of many: name a file, such as {_example(plan)}, or all_tables.")
        if "curves" in PurePosixPath(target).parts and not plan.config.train.snapshot_epochs:
            raise UserError(f"'{target}' needs generators saved during training: set train.snapshot_epochs above 0.")
        place = PurePosixPath(target)
        if target not in known and (place.parts[:1] == (paths.RESULTS,) or not Path(target).exists()):
            _check_file(plan, place)  # what lies in results/ may be of another scale, which no rule here can make


def _example(plan: Plan) -> str:
    """Return a file of the first run of the tables; without runs a table."""
    return next((str(run.at(paths.RECORD)) for run in plan.grid.runs), paths.CURRENT_TABLE["csv"])


def _check_file(plan: Plan, target: PurePosixPath) -> None:
    parts = target.parts
    if len(parts) < 2 or parts[0] != paths.RESULTS:
        tables = {paths.CURRENT_TABLE["csv"].format(table=table) for table in plan.tables}
        raise unknown("target", str(target), {*NAMED, *tables, paths.CURRENT_PROTOCOL["csv"]})
    name = target.name.partition(".")[0]
    if len(parts) == 2 and str(target) in paths.CURRENT_PROTOCOL.values():
        return
    if str(target) in {*paths.CURRENT_CLAIMS.values(), paths.CURRENT_REPORT}:
        raise UserError(f"The target {target} is made of what is there at any time: ask for `snakemake {name}`.")
    if len(parts) == 2 and (table := _table_of(target.name)) not in {"", *plan.tables, "cells", paths.RELEASED_TABLE}:
        raise unknown("table", table, plan.tables, f"the target {target}")
    if parts[1] in ("figures", "curves") and name in plan.config.absent:
        raise UserError(f"The target {target} is not made: {name} is left out ({plan.config.absent[name]}).")
    if parts[1] in ("figures", "curves") and name not in (tasks := {one.task for one in plan.grid.evaluations}):
        raise unknown("task", name, tasks, f"the target {target}")
    if parts[1] == "paper_figures":
        _check_paper_figure(plan, target, name)
    if len(parts) > 2 and parts[1] not in {plan.config.scale, *paths.SHARED}:
        raise unknown("scale", parts[1], [plan.config.scale], f"the target {target}")
    if parts[2:3] == ("runs",):
        _check_run(plan, target, parts[3:])


def _check_paper_figure(plan: Plan, target: PurePosixPath, name: str) -> None:
    if name not in NAMES:
        raise unknown("figure", name, NAMES, f"the target {target}")
    if not (figure := FiguresOfPaper(plan).figure(name)).tasks:
        raise UserError(not_made(figure))


def _table_of(name: str) -> str:
    """Return the table that a file of this name would be of; empty for no file of a table."""
    endings = sorted((f".{ending}" for ending in paths.ENDINGS.values()), key=len, reverse=True)
    return next((name.removesuffix(ending) for ending in endings if name.endswith(ending)), "")


def _check_run(plan: Plan, target: PurePosixPath, parts: tuple[str, ...]) -> None:
    runs = plan.grid.runs
    valid = ({run.task for run in runs}, {run.variant for run in runs})
    for kind, part, choices in zip(("task", "variant"), parts, valid, strict=False):
        if part not in choices:
            raise unknown(kind, part, choices, f"the target {target}")
