"""Make all tables, uncertainties, figures and curves of an archive again: `make tables FROM=archive.tar`."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import yaml

from enco.config.bounds import COUNT
from enco.config.commands import show_example
from enco.errors import UserError, run_cli
from enco.io.files import atomic_path
from enco.training.provenance import git_state
from eval.tables.protocol import commit_name
from workflow import paths
from workflow.archive import ArchivedFile, placed_config, unpack
from workflow.jobs.forkserver import SINGLE_THREADED
from workflow.plan.plan import Plan
from workflow.project import Project

ROOT = Path(__file__).parents[1]
ABOUT = Path(paths.RESULTS, "archive")
"""Where the description of an unpacked archive lies."""
PLACED = "placed.yaml"
"""The configuration of an unpacked archive with the paths of this machine."""
MADE = ("table", "cells", "figure", "curve", "paper_figure")
RULES = (*MADE, *(f"current_{name}" for name in MADE), "claims")
"""The rules that make what an archive has not, of what it has."""


def main(words: Sequence[str] | None = None) -> int:
    """Unpack an archive, make everything again, and return 1 if a file is not the one that was archived."""
    args = _parser().parse_args(words)
    record = unpack(args.archive, ABOUT)
    here = commit_name(git_state())
    if here != record.commit:
        print(f"The archive is of commit {record.commit} and this is {here}, as the tables' footers will say.")
    content = dict(placed_config(ABOUT))
    with atomic_path(ABOUT / PLACED) as partial:
        partial.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    project = Project.of(Plan.load(content, Path.cwd()))
    resample(project, args.cores)
    snakemake([*map(str, project.archive.made()), "claims"], ABOUT / PLACED, args.cores)
    others = changed(record.made, here, record.commit)
    print(f"{len(record.made) - len(others)} of {len(record.made)} files are, to the bit, those that were archived.")
    for path in others:
        print(f"  differs: {path}")
    print("The tables:", *sorted({str(path) for path in project.archive.made() if path.suffix == ".md"}), sep="\n  ")
    return int(bool(others))


def resample(project: Project, cores: int) -> None:
    """Make every uncertainty again, side by side, each on one thread as the workflow's jobs are."""
    os.environ.update(dict.fromkeys(SINGLE_THREADED, "1"))
    calls = [project.archive.words(one) for one in project.archive.resamplings()]
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        for done, _ in enumerate(pool.map(_resample, calls), start=1):
            print(f"\r{done} of {len(calls)} sets of images resampled", end="", flush=True)
    print()


def _resample(words: Sequence[str]) -> None:
    from eval.uncertainty.__main__ import main as uncertainty  # loads torch, once a process

    with contextlib.redirect_stdout(io.StringIO()):
        uncertainty(words)


def snakemake(targets: Iterable[str], config: Path, cores: int) -> None:
    """Make tables, figures and curves by the workflow's own rules; UserError where one fails."""
    placed = ("--snakefile", str(ROOT / "Snakefile"), "--configfile", str(config), "--cores", str(cores))
    command = [sys.executable, "-m", "snakemake", *targets, *placed, "--quiet", "all", "--allowed-rules", *RULES]
    if subprocess.run(command, check=False).returncode:
        raise UserError("Snakemake could not make everything: the messages above say what is missing.")


def changed(made: Iterable[ArchivedFile], here: str, archived: str) -> list[str]:
    """Return the files that are not those that were archived, to the bit but for the commit that wrote them."""
    return [file.path for file in made if _digest(Path(file.path), here, archived) != file.sha256]


def _digest(path: Path, here: str, archived: str) -> str:
    return hashlib.sha256(path.read_bytes().replace(here.encode(), archived.encode())).hexdigest()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workflow.rebuild",
        description="Make all tables, uncertainties, figures and curves of an archive again.",
    )
    show_example(parser, "archive.tar")
    parser.add_argument("archive", type=Path, help="file of `snakemake archive`")
    parser.add_argument("--cores", type=COUNT, default=os.cpu_count() or 1, help="jobs side by side")
    return parser


if __name__ == "__main__":
    run_cli(main)
