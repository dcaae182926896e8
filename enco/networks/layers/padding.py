"""Reflection padding with a gradient that is cheap on a CPU and deterministic on a GPU."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enco.runtime.precision import no_autocast


class ReflectionPad(nn.Module):
    """Reflection padding of B x C x H x W by `width` rows and columns on each side; the edge is not repeated."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        return reflection_pad(x, self.width)

    def extra_repr(self) -> str:
        return str(self.width)


def reflection_pad(x: Tensor, width: int) -> Tensor:
    """Mirror `width` rows and columns around B x C x H x W; `width` is less than H and W."""
    if x.is_cuda and not torch.are_deterministic_algorithms_enabled():
        return F.pad(x, (width, width, width, width), mode="reflect")
    padded: Tensor = _ReflectionPad.apply(x, width)
    return padded


class _ReflectionPad(torch.autograd.Function):
    """Reflection padding without PyTorch's gradient, which is slow in bfloat16 and not deterministic on a GPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, width: int) -> Tensor:
        ctx.width = width
        with no_autocast():  # which would pad in float32 on a CPU
            return F.pad(x, (width, width, width, width), mode="reflect")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        for dim in (-2, -1):
            gradient = _folded(gradient, ctx.width, dim)
        return gradient, None


def _folded(x: Tensor, width: int, dim: int) -> Tensor:
    """Add the `width` mirrored cells at either end of a dimension to the original cells."""
    size = x.shape[dim] - 2 * width
    inside = x.narrow(dim, width, size).clone(memory_format=torch.preserve_format)
    inside.narrow(dim, 1, width).add_(x.narrow(dim, 0, width).flip(dim))
    inside.narrow(dim, size - 1 - width, width).add_(x.narrow(dim, width + size, width).flip(dim))
    return inside
