"""How far a training is: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from tqdm import tqdm

from enco.training.run_log import Losses


class Progress:
    """Shows iterations, epoch, losses, speed and time left, every few seconds."""

    def __init__(self, done: int, total: int, epochs: int, seconds: float = 5.0) -> None:
        self.done, self.total, self.epochs, self.seconds = done, total, epochs, seconds
        self.bar = tqdm(total=total, initial=done, unit="it", dynamic_ncols=True) if sys.stderr.isatty() else None
        self._first, self._begin = done, time.monotonic()
        self._shown = self._begin

    def update(self, iteration: int, epoch: int, losses: Callable[[], Losses]) -> None:
        """Count an iteration; `losses` is only called when they are shown, since they wait for the device."""
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
        """One plain line."""
        speed = (self.done - self._first) / max(time.monotonic() - self._begin, 1e-9)
        left = tqdm.format_interval((self.total - self.done) / max(speed, 1e-9))
        place = f"iteration {self.done}/{self.total} epoch {epoch}/{self.epochs}"
        return f"{place} | {losses} | {speed:.2f} it/s, {left} left"

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self.bar is not None:
            self.bar.close()
