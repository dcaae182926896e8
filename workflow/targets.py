"""A mistyped target ends in one sentence with the valid choices, before anything is planned."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from enco.errors import unknown
from workflow.project import TABLE_SUFFIXES, Project

NAMED = {"all_tables", "data", "drn", "figures", "weights"}


def requested_targets() -> list[str]:
    """The targets on Snakemake's command line; none when the Snakefile is read by something else."""
    if "snakemake" not in (Path(sys.argv[0]).stem, Path(sys.argv[0]).parent.name):
        return []
    from snakemake.cli import parse_args

    return list(parse_args(sys.argv[1:])[1].targets or [])


def check_targets(project: Project, rules: Iterable[str], targets: Iterable[str] | None = None) -> None:
    """Raise UserError for a target that no rule can make, naming those that can be asked for."""
    for target in requested_targets() if targets is None else targets:
        if target not in set(rules) and not Path(target).exists():
            _check_file(project, PurePosixPath(target))


def _check_file(project: Project, target: PurePosixPath) -> None:
    parts = target.parts
    if len(parts) < 2 or parts[0] != "results":
        raise unknown("target", str(target), {*NAMED, *(f"results/{table}.csv" for table in project.tables)})
    is_table = len(parts) == 2 and target.suffix.lstrip(".") in TABLE_SUFFIXES
    if (is_table or parts[1] in ("figures", "cells")) and target.stem not in {*project.tables, "cells"}:
        raise unknown("table", target.stem, project.tables, f"the target {target}")
    if parts[1] == "runs":
        _check_run(project, target, parts[2:])


def _check_run(project: Project, target: PurePosixPath, parts: tuple[str, ...]) -> None:
    runs = project.grid.runs
    kinds = ("scale", "task", "variant")
    valid = ([project.config.scale], {run.task for run in runs}, {run.variant for run in runs})
    for kind, part, choices in zip(kinds, parts, valid, strict=False):
        if part not in choices:
            raise unknown(kind, part, choices, f"the target {target}")
