"""Turn a signal into a request to stop: finish the iteration, write a checkpoint, go on later."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

GO_ON_LATER = 75
"""Exit status of a training that was stopped and can go on: EX_TEMPFAIL of sysexits.h."""

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2") if hasattr(signal, name)
)


class Stopped(Exception):
    """The end of a training that was asked to stop and has written all that is needed to go on."""


@dataclass
class StopRequest:
    """Whether, and by what, the process was asked to stop."""

    by: str | None = None


@contextmanager
def stop_signals() -> Iterator[StopRequest]:
    """Let the signals of `STOP_SIGNALS` only note, within the block, that a stop is wanted; main thread only.

    A SIGHUP that is ignored stays so: `nohup` sees to that, for what shall outlive its terminal.
    """
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        request.by = signal.Signals(number).name

    before = {number: signal.signal(number, note) for number in STOP_SIGNALS if not _outlives_terminal(number)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _outlives_terminal(number: signal.Signals) -> bool:
    return number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN
