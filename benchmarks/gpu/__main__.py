"""The command line: `bash benchmarks/gpu.sh OUT [--photos FOLDER] [--rehearse]`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.gpu.bundle import BUNDLE, bundle
from benchmarks.gpu.command import write_lines
from benchmarks.gpu.jobs import PYTHON, Outcome, Stage, run_stage
from benchmarks.gpu.plan import PYDANTIC, TOTAL, rehearsal, stages
from benchmarks.gpu.summary import summarise
from enco.config.bounds import Whole
from enco.errors import UserError, run_cli
from enco.io.files import atomic_path, check_writable
from enco.runtime.signals import StopRequest, stop_signals

JOBS, SUMMARY = "jobs.csv", "summary.txt"
FOLDERS = ("trainA", "trainB", "testA", "testB")
REHEARSAL = 900
"""Seconds after which a rehearsal is cut off."""


def main() -> int:
    """Run every stage, write OUT/jobs.csv as they end and OUT/summary.txt last; return 1 if a job did not end well."""
    args = _parser().parse_args()
    check(args.out, args.photos, args.bundle)
    args.out.mkdir(parents=True, exist_ok=True)
    out, photos = args.out.resolve(), args.photos and args.photos.resolve()
    keep = partial(keep_results, out, args.bundle and args.bundle.resolve())
    plan = rehearsal(out, photos) if args.rehearse else stages(out, photos, len(os.sched_getaffinity(0)))
    with stop_signals() as stop:
        try:
            outcomes = run_all(plan, (REHEARSAL if args.rehearse else TOTAL) - args.spent, out, after=keep, stop=stop)
        finally:
            keep()
            if (out / SUMMARY).exists():
                print((out / SUMMARY).read_text(encoding="utf-8"), end="", flush=True)
    return 128 + signal.Signals[stop.by] if stop.by else int(any(outcome.status != "ok" for outcome in outcomes))


def keep_results(out: Path, folder: Path | None) -> None:
    """Write OUT/summary.txt, and a bundle of OUT to a folder where one is named; a fault there only gets a word."""
    with _surviving("summary"), atomic_path(out / SUMMARY) as partial_file:
        partial_file.write_text(summarise(out) + "\n", encoding="utf-8")
    if folder:
        with _surviving("bundle"):
            if left_out := bundle(out, folder):
                _say(f"The bundle is without {', '.join(left_out)}.")


@contextmanager
def _surviving(what: str) -> Iterator[None]:
    """Go on measuring whatever is wrong with what is made of the results: those are in their files already."""
    try:
        yield
    except Exception as error:
        _say(f"The {what} is not made ({type(error).__name__}: {error}).")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def check(out: Path, photos: Path | None, bundled: Path | None = None) -> None:
    """Raise UserError for a missing package, an earlier run's folder, unfit photographs, or a folder not to be used."""
    if missing := [name for name in ("torch", *PYDANTIC) if find_spec(name) is None]:
        raise UserError(f"This machine lacks {', '.join(missing)}: lay their wheels into $WHEELS, or .whl.")
    if (out / JOBS).exists():
        raise UserError(f"{out} has the results of an earlier run: move them away, or name another folder.")
    if photos and (missing := [name for name in FOLDERS if not (photos / name).is_dir()]):
        raise UserError(f"{photos} has no {', '.join(missing)}: name a folder that has {', '.join(FOLDERS)}.")
    for path in (out / JOBS, *([bundled / BUNDLE] if bundled else [])):
        check_writable(path)


def run_all(
    plan: Sequence[Stage],
    total: float,
    out: Path,
    python: Sequence[str] = PYTHON,
    after: Callable[[], object] = lambda: None,
    stop: StopRequest | None = None,
) -> list[Outcome]:
    """Run the stages one after the other within so many seconds: each has its own, and what is not kept for later ones.

    OUT/jobs.csv is written anew as each job ends; `after` is called after each stage.
    """
    end, ended = time.monotonic() + total, list[tuple[str, Outcome]]()
    for number, stage in enumerate(plan):
        left, kept = end - time.monotonic(), sum(later.seconds for later in plan[number + 1 :] if later.jobs)
        for outcome in run_stage(stage, min(left, max(stage.seconds, left - kept)), out, python, stop):
            _say(f"{stage.name}: {outcome.job} {outcome.status}, {outcome.seconds:.0f} s")
            ended.append((stage.name, outcome))
            write_jobs(out / JOBS, ended)
        after()
        if stage.vital and any(outcome.status.startswith("failed") for name, outcome in ended if name == stage.name):
            break
    return [outcome for _, outcome in ended]


def write_jobs(path: Path, ended: Sequence[tuple[str, Outcome]]) -> None:
    """Write a line for each job that has ended."""
    write_lines(
        path,
        ("stage", "job", "seconds", "status"),
        ({"stage": stage} | asdict(one) | {"seconds": f"{one.seconds:.1f}"} for stage, one in ended),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bash benchmarks/gpu.sh", description="Check and measure this project on one GPU within eight minutes."
    )
    parser.add_argument("out", type=Path, help="folder of the results")
    parser.add_argument("--photos", type=Path, help="train EnCo on this folder of trainA, trainB, testA and testB")
    parser.add_argument("--bundle", type=Path, help="after each stage, write all of OUT to this folder as a few files")
    parser.add_argument("--spent", type=Whole(0, TOTAL), default=0, help="seconds of the budget that are over already")
    parser.add_argument("--rehearse", action="store_true", help="do all of it small, on any machine")
    return parser


if __name__ == "__main__":
    run_cli(main)
