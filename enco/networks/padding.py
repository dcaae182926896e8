"""Reflection padding that can be repeated bit for bit on a GPU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ReflectionPad(nn.Module):
    """Mirror `width` rows and columns around B x C x H x W, without repeating the edge."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        return reflection_pad(x, self.width)

    def extra_repr(self) -> str:
        return str(self.width)


def reflection_pad(x: Tensor, width: int) -> Tensor:
    """Mirror `width` rows and columns around B x C x H x W; `width` is less than H and W."""
    # PyTorch's own kernel has no deterministic gradient off the CPU and refuses when one is asked for.
    if torch.are_deterministic_algorithms_enabled() and not x.is_cpu:
        return mirrored(x, width)
    return F.pad(x, (width, width, width, width), mode="reflect")


def mirrored(x: Tensor, width: int) -> Tensor:
    """The same padding from slices, slower, with a deterministic gradient on every device."""
    for dim in (-2, -1):
        before = x.narrow(dim, 1, width).flip(dim)
        after = x.narrow(dim, x.shape[dim] - 1 - width, width).flip(dim)
        x = torch.cat([before, x, after], dim)
    return x
