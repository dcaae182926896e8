"""Instance norm (Ulyanov et al. 2016, arXiv 1607.08022) whose statistics are in float32 whatever it normalises."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enco.runtime.precision import REDUCED


class InstanceNorm(nn.InstanceNorm2d):
    """Standardise each channel of each of B x C x H x W; scale and shift are learned if `affine`."""

    def forward(self, x: Tensor) -> Tensor:
        return instance_norm(x, self.weight, self.bias)


def instance_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """The same as a function, of C scales and shifts if there are any.

    PyTorch's gradient is wrong on a CPU for a batch of one whose incoming gradient has its channels innermost (seen in
    2.15), so it gets a contiguous one.
    """
    if weight is None and x.dtype in REDUCED:
        # PyTorch keeps the mean in the type of the weights, and in that of the images where there are none.
        channels = x.shape[1]
        weight, bias = x.new_ones(channels, dtype=torch.float32), x.new_zeros(channels, dtype=torch.float32)
    return contiguous_gradient(F.instance_norm(x, weight=weight, bias=bias))


def contiguous_gradient(x: Tensor) -> Tensor:
    """The same tensor, whose gradient lies in memory in the order of its dimensions, whatever took it."""
    same: Tensor = _ContiguousGradient.apply(x)
    return same


class _ContiguousGradient(torch.autograd.Function):
    """The identity both ways, as far as numbers go."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.contiguous()
