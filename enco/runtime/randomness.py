"""Choose which of torch's global generators steps draw from, and save and restore their states."""

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
    """Draw the random numbers of steps on this device within the block."""
    token = _draws.set(device)
    try:
        yield
    finally:
        _draws.reset(token)


def normal(shape: Sequence[int], device: torch.device) -> Tensor:
    """Draw from N(0, 1) where `rng_device` says, and copy to a device."""
    return torch.randn(*shape, device=draw_device()).to(device)


def draw_device() -> torch.device:
    """Return where to draw: on the CPU, so that a seed gives equal numbers everywhere, unless `rng_device` is set."""
    return _draws.get()


def random_state(device: torch.device) -> RandomState:
    """Read the states of the generators that a training on this device draws from, by device type."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_random_state(states: RandomState, device: torch.device) -> None:
    """Restore what `random_state` returned; a state of another kind of device is ignored."""
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
