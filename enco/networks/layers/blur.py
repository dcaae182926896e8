"""Anti-aliased resampling (Zhang 2019, arXiv 1904.11486) in the two fixed forms of the CUT code."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enco.networks.layers.padding import reflection_pad
from enco.runtime.precision import in_float32


class BlurDown(nn.Module):
    """Blurred halving, B x C x H x W to B x C x ceil(H/2) x ceil(W/2): reflect-pad 1, [1,2,1]⊗[1,2,1]/16, stride 2."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0])
        # Fixed, so neither trained nor stored.
        self.register_buffer("kernel", (torch.outer(row, row) / 16)[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self._blur(reflection_pad(x, 1))

    @in_float32  # ten times faster on a CPU than the gradient in bfloat16
    def _blur(self, padded: Tensor) -> Tensor:
        channels = padded.shape[1]
        return F.conv2d(padded, self.kernel.expand(channels, 1, 3, 3), stride=2, groups=channels)


class BlurUp(nn.Upsample):
    """Blurred doubling: the CUT code's transposed filter [1,3,3,1]⊗[1,3,3,1]/16 is exactly bilinear resizing."""

    def __init__(self) -> None:
        super().__init__(scale_factor=2, mode="bilinear", align_corners=False)
