"""Torch's global random generators: where a step draws from, and their states, taken and given back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

RandomState = dict[str, Tensor]
_CPU = torch.device("cpu")
_draws: ContextVar[torch.device] = ContextVar("draws", default=_CPU)


@contextmanager
def rng_device(device: torch.device) -> Iterator[None]:
    """Within this block, steps draw their random numbers on this device."""
    token = _draws.set(device)
    try:
        yield
    finally:
        _draws.reset(token)


def normal(shape: Sequence[int], device: torch.device) -> Tensor:
    """Draws from N(0, 1), on a device, made where `rng_device` says."""
    return torch.randn(*shape, device=draw_device()).to(device)


def draw_device() -> torch.device:
    """Where to draw: on the CPU, so that a seed means the same on every device, unless `rng_device` says otherwise."""
    return _draws.get()


def random_state(device: torch.device) -> RandomState:
    """States of the generators a training on this device draws from, by device type."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_random_state(states: RandomState, device: torch.device) -> None:
    """Take back what `random_state` gave; a state of another kind of device is left aside."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    elif device.type == "mps" and "mps" in states:
        torch.mps.set_rng_state(states["mps"])


@contextmanager
def forked_rng(device: torch.device, seed: int) -> Iterator[None]:
    """Draw from a seed within the block; afterwards the generators of the CPU and of a CUDA device are as before."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
