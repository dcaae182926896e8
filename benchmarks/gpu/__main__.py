"""The command line: `bash benchmarks/gpu.sh OUT [--photos FOLDER] [--rehearse]`."""

from __future__ import annotations

import argparse
import csv
import os
import signal
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks.gpu.jobs import PYTHON, Outcome, Stage, run_stage
from benchmarks.gpu.mps import mps
from benchmarks.gpu.plan import PYDANTIC, TOTAL, rehearsal, stages
from benchmarks.gpu.summary import summarise
from enco.errors import UserError, run_cli

FOLDERS = ("trainA", "trainB", "testA", "testB")
REHEARSAL = 900
"""Seconds after which a rehearsal is cut off."""


def main() -> int:
    """Run every stage, write OUT/jobs.csv as they end and OUT/summary.txt last; return 1 if a job did not end well."""
    args = _parser().parse_args()
    check(args.photos)
    args.out.mkdir(parents=True, exist_ok=True)
    out, photos = args.out.resolve(), args.photos and args.photos.resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        outcomes = run_all(rehearsal(out, photos), REHEARSAL, out) if args.rehearse else measure(out, photos)
    finally:
        text = summarise(out)
        (out / "summary.txt").write_text(text + "\n", encoding="utf-8")
        print(text, flush=True)
    return int(any(outcome.status != "ok" for outcome in outcomes))


def check(photos: Path | None) -> None:
    """Raise UserError for a package without which nothing runs, and for photographs that are no training's."""
    if missing := [name for name in ("torch", *PYDANTIC) if find_spec(name) is None]:
        raise UserError(f"This machine lacks {', '.join(missing)}: lay their wheels into $WHEELS, or .whl.")
    if photos and (missing := [name for name in FOLDERS if not (photos / name).is_dir()]):
        raise UserError(f"{photos} has no {', '.join(missing)}: name a folder that has {', '.join(FOLDERS)}.")


def measure(out: Path, photos: Path | None) -> list[Outcome]:
    """Run every stage on this machine's GPU, with the Multi-Process Service where it starts."""
    end = time.monotonic() + TOTAL
    with mps(out / "mps.log") as variables:
        plan = stages(out, photos, len(os.sched_getaffinity(0)), variables)
        return run_all(plan, end - time.monotonic(), out)


def run_all(plan: Sequence[Stage], total: float, out: Path, python: Sequence[str] = PYTHON) -> list[Outcome]:
    """Run the stages one after the other within so many seconds; the last one has what the others leave.

    OUT/jobs.csv is written anew as each job ends.
    """
    end, ended = time.monotonic() + total, list[tuple[str, Outcome]]()
    for stage in plan:
        left = end - time.monotonic()
        for outcome in run_stage(stage, left if stage is plan[-1] else min(left, stage.seconds), out, python):
            print(f"{stage.name}: {outcome.job} {outcome.status}, {outcome.seconds:.0f} s", file=sys.stderr, flush=True)
            ended.append((stage.name, outcome))
            write_jobs(out / "jobs.csv", ended)
    return [outcome for _, outcome in ended]


def write_jobs(path: Path, ended: Sequence[tuple[str, Outcome]]) -> None:
    """Write a line for each job that has ended."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("stage", "job", "seconds", "status"))
        table.writerows((stage, one.job, f"{one.seconds:.1f}", one.status) for stage, one in ended)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bash benchmarks/gpu.sh", description="Check and measure this project on one GPU within eight minutes."
    )
    parser.add_argument("out", type=Path, help="folder of the results")
    parser.add_argument("--photos", type=Path, help="train EnCo on this folder of trainA, trainB, testA and testB")
    parser.add_argument("--rehearse", action="store_true", help="do all of it small, on any machine")
    return parser


if __name__ == "__main__":
    run_cli(main)
