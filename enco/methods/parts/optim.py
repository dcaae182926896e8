"""Optimisers, and updates of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from enco.runtime.precision import no_autocast


def adam(*networks: nn.Module, lr: float, betas: tuple[float, float] = (0.5, 0.999), weight_decay: float = 0.0) -> Adam:
    """Make one Adam over all parameters of these networks, with the base rate as `initial_lr` for the schedule."""
    parameters = [parameter for network in networks for parameter in network.parameters()]
    fused = all(p.device.type in {"cpu", "cuda"} for p in parameters)
    optimizer = Adam(parameters, lr, betas, weight_decay=weight_decay, fused=fused)
    for group in optimizer.param_groups:
        group["initial_lr"] = lr
    return optimizer


def minimize(loss: Tensor, *optimizers: Optimizer, largest_norm: float | None = None) -> None:
    """Take one step of these optimisers along a scalar loss's gradient, clipped to any `largest_norm`."""
    with no_autocast():  # gradients have the types that the forward pass chose
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if largest_norm is not None:
            weights = [
                weight for optimizer in optimizers for group in optimizer.param_groups for weight in group["params"]
            ]
            nn.utils.clip_grad_norm_(weights, largest_norm)
        for optimizer in optimizers:
            optimizer.step()


@contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """Keep these networks' weights from getting gradients of losses computed within the block."""
    for network in networks:
        network.requires_grad_(False)
    try:
        yield
    finally:
        for network in networks:
            network.requires_grad_(True)
