"""Do a method's training steps at a chosen speed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from enco.methods.base import Batch, Method
from enco.randomness import draws_on
from enco.speed import Speed


class Stepper:
    """A method's steps: `stepper(batch)` is `method.step(batch)`, computed as `speed` says."""

    def __init__(self, method: Method, speed: Speed | None = None) -> None:
        self.method = method
        self.pieces = (speed or Speed()).pieces(method.device.type)

    def begin_epoch(self, epoch: int) -> None:
        """Enter an epoch (from 1)."""
        self.method.begin_epoch(epoch)

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """One optimisation step on images that are on the method's device; every loss term by name, detached."""
        if self.pieces.channels_last:
            batch = Batch(source=_channels_last(batch["source"]), target=_channels_last(batch["target"]))
        with self.computing():
            return self.method.step(batch)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Precision and source of random numbers for what is computed in here."""
        pieces, device = self.pieces, self.method.device
        torch.backends.cudnn.allow_tf32 = pieces.tf32
        torch.backends.cudnn.benchmark = pieces.autotune
        # Without its cache, as that keeps weights that a step has updated since, or that were cast without gradient.
        mixed = torch.autocast(device.type, torch.bfloat16, enabled=pieces.bfloat16, cache_enabled=False)
        with mixed, draws_on(device if pieces.device_draws else torch.device("cpu")):
            yield


def _channels_last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)
