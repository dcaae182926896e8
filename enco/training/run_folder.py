"""Lock a run's folder, and record what becomes of the run (state.json) and how (history.jsonl)."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal

from enco.errors import NonFiniteLoss, UserError
from enco.io.files import write_json
from enco.io.locks import holder, is_locked, locked
from enco.runtime.signals import Stopped, StopRequest
from enco.training.metrics_file import append_line
from enco.training.run_files import HISTORY_FILE

State = Literal["running", "finished", "stopped", "diverged", "failed"]
LOCK = ".lock"


@contextmanager
def exclusive(folder: Path, stop: StopRequest, poll_seconds: float = 1.0) -> Iterator[None]:
    """Be the only process that trains in this folder; wait, and say so, while another one does.

    The lock ends with the process, however the process ends. Raises Stopped if a stop is asked for while waiting.
    """
    announced = False

    def wait() -> None:
        nonlocal announced
        if not announced:
            print(f"Another process trains in {folder} ({holder(folder / LOCK)}): waiting for it to end.", flush=True)
        announced = True
        if stop.by:
            raise Stopped(f"stopped by {stop.by} while waiting for another process")

    with locked(folder / LOCK, wait, poll_seconds):
        yield


def is_held(folder: Path) -> bool:
    """Say whether a living process trains in this folder."""
    return is_locked(folder / LOCK)


class StateFile:
    """state.json of a run: written on entering and leaving the block, and whenever a checkpoint is made.

    A process killed outright leaves `running` behind while the folder's lock is free. Each start and each end, with
    node and job, is also a line of history.jsonl: a training may go through many jobs and nodes.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.json"
        self.history = folder / HISTORY_FILE
        self.started = now()
        self.iteration = 0

    def __enter__(self) -> StateFile:
        self.write("running")
        return self

    def begin(self, iteration: int) -> None:
        """Note the iteration from which the training goes on."""
        self.reached(iteration)
        self.tell("start")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is None:
            self.write("finished")
            self.tell("finished")
            return
        reason = str(error) if isinstance(error, UserError | Stopped) else f"{type(error).__name__}: {error}"
        state: State = _ended_as(error)
        try:
            self.write(state, reason)
            self.tell(state, reason)
        except (OSError, UserError) as second:
            print(f"warning: {self.path} could not be brought up to date ({second}).", flush=True)

    def reached(self, iteration: int) -> None:
        """Note an iteration that the training has reached."""
        self.iteration = iteration
        self.write("running")

    def tell(self, event: str, reason: str | None = None) -> None:
        """Add a line to the history."""
        what = {"time": now(), "event": event, "iteration": self.iteration, "reason": reason}
        append_line(self.history, {**what, "node": platform.node(), "job": slurm_job()})

    def write(self, state: State, reason: str | None = None) -> None:
        """Write state.json whole."""
        content = {"state": state, "iteration": self.iteration, "reason": reason, "started": self.started}
        write_json(self.path, {**content, "updated": now()})


def _ended_as(error: BaseException) -> State:
    """Return the state of a run that an error ended."""
    if isinstance(error, Stopped):
        return "stopped"
    return "diverged" if isinstance(error, NonFiniteLoss) else "failed"


def slurm_job() -> str | None:
    """Return the number of this process's SLURM job, as squeue prints numbers; None outside SLURM."""
    array, index = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array else os.environ.get("SLURM_JOB_ID")


def now() -> str:
    """Return the time in UTC, ISO 8601 to the microsecond: no two trainings begin in the same microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
