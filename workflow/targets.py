"""A mistyped target ends in one sentence with the valid choices, before anything is planned."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from enco.errors import unknown
from workflow.project import TABLE_SUFFIXES, Project


def requested_targets() -> list[str]:
    """The targets on Snakemake's command line; none when the Snakefile is read by something else."""
    if Path(sys.argv[0]).stem != "snakemake":
        return []
    from snakemake.cli import parse_args

    return list(parse_args(sys.argv[1:])[1].targets or [])


def check_targets(project: Project, rules: Iterable[str], targets: Iterable[str] | None = None) -> None:
    """Raise UserError for a target that no rule can make, naming those that can be asked for."""
    for target in requested_targets() if targets is None else targets:
        _check(project, set(rules), target)


def _check(project: Project, rules: set[str], target: str) -> None:
    parts = PurePosixPath(target).parts
    if len(parts) == 1 and not Path(target).exists() and target not in rules:
        raise unknown(
            "target", target, {"all_tables", "data", "figures", *(f"results/{table}.csv" for table in project.tables)}
        )
    if len(parts) == 2 and parts[0] == "results" and PurePosixPath(target).suffix.lstrip(".") in TABLE_SUFFIXES:
        table = PurePosixPath(target).stem
        if table not in {*project.tables, "cells"}:
            raise unknown("table", table, project.tables, f"the target {target}")
    if parts[:2] == ("results", "runs"):
        _check_run(project, target, parts[2:])


def _check_run(project: Project, target: str, parts: tuple[str, ...]) -> None:
    runs = project.grid.runs
    kinds = ("scale", "task", "variant")
    valid = ([project.config.scale], {run.task for run in runs}, {run.variant for run in runs})
    for kind, part, choices in zip(kinds, parts, valid, strict=False):
        if part not in choices:
            raise unknown(kind, part, choices, f"the target {target}")
