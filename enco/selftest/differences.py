"""Errors of gradients, against finite differences and against a higher precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter

from enco.selftest.tape import Update

TOLERANCE = 1e-3
"""Largest error of a right gradient's derivatives, a tenth of the error of a network's gradient that is 1 % off."""
STEPS = (1e-8, 1e-9, 1e-10, 1e-11)
"""Step lengths to try in turn: shorter steps meet fewer kinks of ReLU and L1, but more rounding."""
DIRECTIONS = 2
SMALLEST_NORM = 1e-4
"""Gradients of less norm, such as those of biases before a norm, count for less."""

Losses = Callable[[], list[float]]
"""A function that computes the losses of all updates at the current weights."""
Direction = Mapping[Parameter, Tensor]


def difference_error(updates: Sequence[Update], losses: Losses, weights: Iterable[Parameter]) -> float:
    """Return the largest error of the updates' derivatives along random directions of these float64 weights.

    A direction is scaled so that all weights' gradients count equally. An error is relative to the average derivative
    along such directions. The weights are restored afterwards.
    """
    scales = {
        weight: 1 / max(SMALLEST_NORM, *(_norm(update, weight) for update in updates))
        for weight in weights
        if any(weight in update.gradients for update in updates)
    }
    usual = [math.hypot(*(scale * _norm(update, weight) for weight, scale in scales.items())) for update in updates]
    generator = torch.Generator().manual_seed(0)
    errors = []
    for _ in range(DIRECTIONS):
        draws = {w: torch.randn(w.shape, generator=generator, dtype=torch.float64) for w in scales}
        direction = {weight: draw.to(weight) * scales[weight] for weight, draw in draws.items()}
        errors.append(_error_along(direction, updates, losses, usual))
    return max(errors)


def _error_along(direction: Direction, updates: Sequence[Update], losses: Losses, usual: Sequence[float]) -> float:
    """Return the error along one direction, the least over the step lengths tried until the error is small."""
    wanted = [_derivative(update, direction) for update in updates]
    least = [math.inf if size else 0.0 for size in usual]
    for step in STEPS:
        found = _differences(direction, losses, step)
        errors = [abs(f - w) / (size or math.inf) for f, w, size in zip(found, wanted, usual, strict=True)]
        least = [min(pair) for pair in zip(least, errors, strict=True)]
        if max(least) < TOLERANCE / 10:
            break
    return max(least)


def _derivative(update: Update, direction: Direction) -> float:
    """Compute the derivative along a direction from autograd's gradient."""
    return sum(float((update.gradients[w] * part).sum()) for w, part in direction.items() if w in update.gradients)


@torch.no_grad()
def _differences(direction: Direction, losses: Losses, step: float) -> list[float]:
    """Compute the derivatives along a direction by central differences."""
    before = {weight: weight.clone() for weight in direction}
    sides = []
    for distance in (step, -step):
        for weight, part in direction.items():
            weight.copy_(before[weight] + distance * part)
        with torch.enable_grad():
            sides.append(losses())
    for weight, value in before.items():
        weight.copy_(value)
    return [(up - down) / (2 * step) for up, down in zip(*sides, strict=True)]


def _norm(update: Update, weight: Parameter) -> float:
    return float(update.gradients[weight].norm()) if weight in update.gradients else 0.0


def relative_error(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """Return the norm of two gradients' difference relative to the wanted gradient's norm; 0 where that norm is 0."""
    one, other = (torch.cat([part.detach().cpu().double().flatten() for part in parts]) for parts in (found, wanted))
    size = float(other.norm())
    return float((one - other).norm()) / size if size else 0.0
