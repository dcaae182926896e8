"""A mistyped target ends in one sentence with the valid choices, before anything is planned."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from enco.errors import UserError, unknown
from workflow import paths
from workflow.project import Project

NAMED = {"all_tables", "data", "drn", "figures", "tables_so_far", "weights"}


def requested_targets() -> list[str]:
    """The targets on Snakemake's command line; none when the Snakefile is read by something else."""
    if "snakemake" not in (Path(sys.argv[0]).stem, Path(sys.argv[0]).parent.name):
        return []
    from snakemake.cli import parse_args

    return list(parse_args(sys.argv[1:])[1].targets or [])


def check_targets(project: Project, rules: Iterable[tuple[str, bool]], targets: Iterable[str] | None = None) -> None:
    """Raise UserError for a target that no rule can make, naming those that can be asked for.

    `rules` are the names of all, each with whether it has wildcards, so that files of it are targets and it is none.
    """
    known = dict(rules)
    for target in requested_targets() if targets is None else targets:
        if known.get(target):
            raise UserError(
                f"'{target}' makes one file of many: name a file, such as {_example(project)}, or all_tables."
            )
        if target not in known and not Path(target).exists():
            _check_file(project, PurePosixPath(target))


def _example(project: Project) -> str:
    """A file of the first run of the tables; without runs a table."""
    return next((str(run.folder / "run.json") for run in project.grid.runs), paths.CURRENT_TABLE["csv"])


def _check_file(project: Project, target: PurePosixPath) -> None:
    parts = target.parts
    if len(parts) < 2 or parts[0] != paths.RESULTS:
        tables = {paths.CURRENT_TABLE["csv"].format(table=table) for table in project.tables}
        raise unknown("target", str(target), {*NAMED, *tables})
    name, _, ending = target.name.partition(".")
    is_table = ending in paths.ENDINGS.values() and len(parts) == 2
    if (is_table or parts[1] == "figures") and name not in {*project.tables, "cells"}:
        raise unknown("table", name, project.tables, f"the target {target}")
    if len(parts) > 2 and parts[1] not in {project.config.scale, *paths.SHARED}:
        raise unknown("scale", parts[1], [project.config.scale], f"the target {target}")
    if parts[2:3] == ("runs",):
        _check_run(project, target, parts[3:])


def _check_run(project: Project, target: PurePosixPath, parts: tuple[str, ...]) -> None:
    runs = project.grid.runs
    valid = ({run.task for run in runs}, {run.variant for run in runs})
    for kind, part, choices in zip(("task", "variant"), parts, valid, strict=False):
        if part not in choices:
            raise unknown(kind, part, choices, f"the target {target}")
