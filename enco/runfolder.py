"""A run's folder: who works in it (the lock), and what became of the run (state.json)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal

from filelock import FileLock, Timeout

from enco.errors import UserError
from enco.files import write_json
from enco.signals import Stopped, StopRequest

State = Literal["running", "finished", "stopped", "failed"]
LOCK = ".lock"


@contextmanager
def exclusive(folder: Path, stop: StopRequest, poll_seconds: float = 1.0) -> Iterator[None]:
    """Be the only process that trains in this folder; wait, and say so, while another one does.

    The lock goes with its process, however that ends. Raises Stopped if a stop is asked for while waiting.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    announced = False
    while True:
        try:
            lock.acquire(timeout=poll_seconds)
            break
        except Timeout:
            if not announced:
                print(f"Another process trains in {folder}: waiting for it to end.", flush=True)
                announced = True
            if stop.by:
                raise Stopped(f"stopped by {stop.by} while waiting for another process") from None
    try:
        yield
    finally:
        lock.release()


def is_held(folder: Path) -> bool:
    """Whether a living process trains in this folder."""
    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK, timeout=0):
            return False
    except Timeout:
        return True


class StateFile:
    """state.json of a run: written on entering and leaving the block, and whenever a checkpoint is made.

    A process killed outright leaves `running` behind while the folder's lock is free.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.json"
        self.started = now()
        self.iteration = 0

    def __enter__(self) -> StateFile:
        self.write("running")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is None:
            self.write("finished")
            return
        reason = str(error) if isinstance(error, UserError | Stopped) else f"{type(error).__name__}: {error}"
        try:
            self.write("stopped" if isinstance(error, Stopped) else "failed", reason)
        except (OSError, UserError) as second:
            print(f"warning: {self.path} could not be brought up to date ({second}).", flush=True)

    def reached(self, iteration: int) -> None:
        """Note how far the training is."""
        self.iteration = iteration
        self.write("running")

    def write(self, state: State, reason: str | None = None) -> None:
        content = {"state": state, "iteration": self.iteration, "reason": reason, "started": self.started}
        write_json(self.path, {**content, "updated": now()})


def now() -> str:
    """The time in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
