"""Instance norm (Ulyanov et al. 2016, arXiv 1607.08022) with statistics in float32."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enco.runtime.precision import REDUCED


class InstanceNorm(nn.InstanceNorm2d):
    """Instance norm of B x C x H x W, with learned scale and shift if `affine`."""

    def forward(self, x: Tensor) -> Tensor:
        return instance_norm(x, self.weight, self.bias)


def instance_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """Standardise each channel of each of B x C x H x W, then scale and shift by C weights and biases if given.

    PyTorch's gradient is wrong on a CPU for a batch of one with an incoming gradient whose channels lie innermost
    (seen in 2.15), so the incoming gradient is made contiguous.
    """
    if weight is None and x.dtype in REDUCED:
        # PyTorch keeps the mean in the type of the weights, and in that of the images where there are none.
        channels = x.shape[1]
        weight, bias = x.new_ones(channels, dtype=torch.float32), x.new_zeros(channels, dtype=torch.float32)
    return contiguous_gradient(F.instance_norm(x, weight=weight, bias=bias))


def contiguous_gradient(x: Tensor) -> Tensor:
    """Return the tensor unchanged, and make the tensor's incoming gradient contiguous."""
    same: Tensor = _ContiguousGradient.apply(x)
    return same


class _ContiguousGradient(torch.autograd.Function):
    """Identity with a contiguous gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.contiguous()
