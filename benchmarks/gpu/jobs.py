"""Commands with a limit of time, side by side, each with a log; none of them can stop the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from enco.runtime.signals import StopRequest

ROOT = Path(__file__).parents[2]
PYTHON = (sys.executable, "-u", "-m")
"""The start of a job's command."""
STOPPED = "stopped by"
"""The beginning of how a job ended that a signal to this process has stopped."""
GRACE = 4.0
"""Seconds between the signal that asks jobs to end and the one that ends them."""
LEAST = 10
"""Seconds in which no job comes to anything."""
START = 8
"""Seconds of a job's limit in which it imports torch and ends."""


@dataclass(frozen=True)
class Job:
    """A command after `python -m`; `{seconds}` in a word stands for the job's limit of time, less `START`."""

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
    """Jobs side by side, for which so many seconds are kept."""

    name: str
    seconds: float
    jobs: tuple[Job, ...]
    vital: bool = False
    """Whether nothing is done after it if one of its jobs fails."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended, and after how many seconds."""

    job: str
    seconds: float
    status: str


def run_stage(
    stage: Stage, limit: float, out: Path, python: Sequence[str] = PYTHON, stop: StopRequest | None = None
) -> Iterator[Outcome]:
    """Run the jobs of a stage for `limit` seconds at most, and yield an outcome of each as it comes.

    With less than `LEAST` seconds none is started. Once `stop` is set none is, and those that run are stopped. A signal
    that raised an error by itself could come between a job's start and the note of it, and the job would go on.

    A job writes to OUT/<name>.log. Jobs that still run when this is left, by any error, are stopped.
    """
    begin, running = time.monotonic(), dict[str, subprocess.Popen]()
    try:
        for job in stage.jobs:
            if stop and stop.by:
                yield Outcome(job.name, 0, f"left out: {STOPPED} {stop.by}")
            elif limit < LEAST:
                yield Outcome(job.name, 0, "left out: no time")
            elif job.missing:
                yield Outcome(job.name, 0, f"left out: no {', '.join(job.missing)}")
            else:
                running[job.name] = _start(job, limit, out, python)
        while running and (passed := time.monotonic() - begin) < limit and not (stop and stop.by):
            for name in [name for name, process in running.items() if process.poll() is not None]:
                process = running.pop(name)
                _signal([process], signal.SIGKILL)  # what it left behind
                status = f"failed (exit status {process.returncode})" if process.returncode else "ok"
                yield Outcome(name, passed, status)
            time.sleep(0.05)
    finally:
        _stop(running.values())
    end = f"{STOPPED} {stop.by}" if stop and stop.by else "cut off"
    yield from (Outcome(name, time.monotonic() - begin, end) for name in running)


def _start(job: Job, limit: float, out: Path, python: Sequence[str]) -> subprocess.Popen:
    words = [word.format(seconds=max(1, int(limit) - START)) for word in job.words]
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


def _stop(processes: Collection[subprocess.Popen]) -> None:
    """Stop processes with all that they started: by a signal that lets them end by themselves, then by force."""
    _signal(processes, signal.SIGTERM)
    end = time.monotonic() + GRACE
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, end - time.monotonic()))
    _signal(processes, signal.SIGKILL)
    for process in processes:
        process.wait()


def _signal(processes: Iterable[subprocess.Popen], number: signal.Signals) -> None:
    """Send a signal to processes and to all that they started."""
    for process in processes:
        with suppress(ProcessLookupError):  # all of them have ended
            os.killpg(process.pid, number)
