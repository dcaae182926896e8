"""Instance norm (Ulyanov et al. 2016, arXiv 1607.08022) whose statistics are in float32 whatever it normalises."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enco.precision import REDUCED


class InstanceNorm(nn.InstanceNorm2d):
    """Standardise each channel of each of B x C x H x W; scale and shift are learned if `affine`."""

    def forward(self, x: Tensor) -> Tensor:
        return instance_norm(x, self.weight, self.bias)


def instance_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """The same as a function, of C scales and shifts if there are any."""
    if weight is None and x.dtype in REDUCED:
        # PyTorch keeps the mean in the type of the weights, and in that of the images where there are none.
        channels = x.shape[1]
        weight, bias = x.new_ones(channels, dtype=torch.float32), x.new_zeros(channels, dtype=torch.float32)
    return F.instance_norm(x, weight=weight, bias=bias)
