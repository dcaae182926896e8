"""Show how far a training is, a bar on a terminal and plain lines in a log, and count the seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from tqdm import tqdm

from enco.training.run_log import Losses


class Clock:
    """The seconds of a training over all processes that did a part."""

    def __init__(self, wall_seconds: float = 0.0, wait_seconds: float = 0.0) -> None:
        """Go on from the seconds of earlier processes."""
        self._wall_before, self._wait_before = wall_seconds, wait_seconds
        self._begin = time.monotonic()

    @property
    def wall_seconds(self) -> float:
        """Seconds of training so far."""
        return self._wall_before + time.monotonic() - self._begin

    def wait_seconds(self, waited: float) -> float:
        """Add the seconds that this process has waited for data to those of earlier processes."""
        return self._wait_before + waited


class Progress:
    """A line of iterations, epoch, losses, speed and time left, every few seconds."""

    def __init__(self, done: int, total: int, epochs: int, seconds: float = 5.0) -> None:
        self.done, self.total, self.epochs, self.seconds = done, total, epochs, seconds
        self.bar = tqdm(total=total, initial=done, unit="it", dynamic_ncols=True) if sys.stderr.isatty() else None
        self._first, self._begin = done, time.monotonic()
        self._shown = self._begin

    def update(self, iteration: int, epoch: int, losses: Callable[[], Losses]) -> None:
        """Count an iteration; `losses`, which waits for the device, is called only when losses are shown."""
        self.done = iteration
        if self.bar is not None:
            self.bar.update()
        if time.monotonic() - self._shown < self.seconds and iteration != self.total:
            return
        self._shown = time.monotonic()
        values = " ".join(f"{name} {value:.4g}" for name, value in losses().items())
        if self.bar is not None:
            self.bar.set_postfix_str(f"epoch {epoch}/{self.epochs} {values}")
        else:
            print(self.line(epoch, values), flush=True)

    def line(self, epoch: int, losses: str) -> str:
        """Return one plain line."""
        speed = (self.done - self._first) / max(time.monotonic() - self._begin, 1e-9)
        left = tqdm.format_interval((self.total - self.done) / max(speed, 1e-9))
        place = f"iteration {self.done}/{self.total} epoch {epoch}/{self.epochs}"
        return f"{place} | {losses} | {speed:.2f} it/s, {left} left"

    def close(self) -> None:
        """Leave the terminal as before."""
        if self.bar is not None:
            self.bar.close()
