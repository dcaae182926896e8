"""Commands with a limit of time, side by side, each with a log; none of them can stop the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = (sys.executable, "-u", "-m")
"""The start of a job's command."""
GRACE = 4.0
"""Seconds between the signal that asks a job to end and the one that ends the job."""


@dataclass(frozen=True)
class Job:
    """A command after `python -m`; `{seconds}` in a word stands for the job's limit of time."""

    name: str
    words: tuple[str, ...]
    needs: tuple[str, ...]
    """Modules beside torch that the job imports."""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """Modules that this machine lacks."""
        return [name for name in self.needs if find_spec(name) is None]


@dataclass(frozen=True)
class Stage:
    """Jobs side by side, which have so many seconds."""

    name: str
    seconds: float
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Outcome:
    """How a job ended, and after how many seconds."""

    job: str
    seconds: float
    status: str


def run_stage(stage: Stage, limit: float, out: Path, python: Sequence[str] = PYTHON) -> Iterator[Outcome]:
    """Run the jobs of a stage for `limit` seconds at most, and yield an outcome of each as it comes.

    A job writes to OUT/<name>.log. Jobs that still run when this is left, by any error, are stopped.
    """
    begin, running = time.monotonic(), dict[str, subprocess.Popen]()
    try:
        for job in stage.jobs:
            if job.missing:
                yield Outcome(job.name, 0, f"left out: no {', '.join(job.missing)}")
            else:
                running[job.name] = _start(job, limit, out, python)
        while running:
            passed = time.monotonic() - begin
            for name, process in list(running.items()):
                if process.poll() is not None or passed > limit:
                    del running[name]
                    yield Outcome(name, passed, _end(process))
            time.sleep(0.05)
    finally:
        for process in running.values():
            _end(process)


def _start(job: Job, limit: float, out: Path, python: Sequence[str]) -> subprocess.Popen:
    words = [word.format(seconds=int(limit)) for word in job.words]
    with (out / f"{job.name}.log").open("w", encoding="utf-8") as log:
        return subprocess.Popen(
            [*python, *words],
            cwd=ROOT,
            env={**os.environ, **job.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _end(process: subprocess.Popen) -> str:
    """Say how a process ended; one that still runs is stopped, with all that it started."""
    if process.poll() is not None:
        return "ok" if process.returncode == 0 else f"failed (exit status {process.returncode})"
    for number in (signal.SIGTERM, signal.SIGKILL):
        os.killpg(process.pid, number)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            continue
        break
    return "cut off"
