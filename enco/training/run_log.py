"""Check, average and write down the losses of a training, a window of iterations at a time."""

from __future__ import annotations

import math
import time
from pathlib import Path

import torch
from torch import Tensor

from enco.errors import NonFiniteLoss
from enco.training.metrics_file import append_line, cut_back

Losses = dict[str, float]


class RunLog:
    """Losses of the iterations since the last line, first as device tensors, then as numbers.

    Tensors are fetched from the device, all at once, only where `check` is called: not every iteration waits for the
    device.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fetched: list[tuple[int, Losses]] = []
        self._waiting: list[tuple[int, dict[str, Tensor]]] = []
        self._since, self._waited = time.monotonic(), 0.0
        self._timed = 0

    def add(self, iteration: int, losses: dict[str, Tensor]) -> None:
        """Take one iteration's loss terms, 0-d tensors."""
        self._waiting.append((iteration, losses))
        self._timed += 1

    def check(self) -> None:
        """Fetch the waiting losses; NonFiniteLoss names the first term that is not finite, and the iteration."""
        if not self._waiting:
            return
        terms = [term for _, losses in self._waiting for term in losses.values()]
        values = iter(torch.stack([term.detach().float() for term in terms]).tolist() if terms else [])
        for iteration, losses in self._waiting:
            row = {name: next(values) for name in losses}
            for name, value in row.items():
                if not math.isfinite(value):
                    raise NonFiniteLoss(f"The loss '{name}' became {value} at iteration {iteration}")
            self._fetched.append((iteration, row))
        self._waiting.clear()

    def means(self) -> Losses:
        """Average each term over the iterations of the window that have such a term."""
        self.check()
        names = dict.fromkeys(name for _, row in self._fetched for name in row)
        columns = {name: [row[name] for _, row in self._fetched if name in row] for name in names}
        return {name: math.fsum(column) / len(column) for name, column in columns.items()}

    def write(self, iteration: int, epoch: int, rates: dict[str, float], waited: float) -> None:
        """Append the window's line, and begin the next window.

        `waited` counts the seconds that this process has waited for data so far; `data_wait` is the share of the
        window's time that was waited.
        """
        means = self.means()  # waits for the device, so before the clock is read
        now = time.monotonic()
        elapsed = now - self._since
        line = {
            "iteration": iteration,
            "epoch": epoch,
            "losses": means,
            "lr": rates,
            "sec_per_iter": elapsed / max(1, self._timed),
            "data_wait": (waited - self._waited) / elapsed,
            "time": time.time(),
        }
        append_line(self.path, line)
        self._fetched.clear()
        self._since, self._waited, self._timed = now, waited, 0

    def state(self) -> list[tuple[int, Losses]]:
        """Return the unfinished window, for a checkpoint."""
        self.check()
        return list(self._fetched)

    def resume(self, iteration: int, window: list[tuple[int, Losses]]) -> None:
        """Go back to a checkpoint: drop the lines after its iteration, and take back the unfinished window."""
        cut_back(self.path, iteration)
        self._fetched, self._waiting = list(window), []
