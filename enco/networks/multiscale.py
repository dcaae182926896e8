"""The discriminators and style encoder that MUNIT and DRIT share; every convolution is padded by reflection."""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from enco.networks.layers.padding import ReflectionPad


def padded_conv(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
    """Make a reflection padding and a convolution with bias."""
    return [ReflectionPad(padding), nn.Conv2d(inputs, outputs, kernel, stride)]


class MultiScaleDiscriminator(nn.ModuleList):
    """Discriminators of images B x 3 x H x W at several scales, with a map of raw scores each.

    Maps are 1 x H/16 x W/16 at the first scale and half as large at the next. All scales have the same layers,
    without norms (MUNIT, section B.2). H and W are at least `smallest_side`.
    """

    compiled = ("forward",)

    def __init__(self, ndf: int = 64, slope: float = 0.2, scales: int = 3) -> None:
        super().__init__(_scale(ndf, slope) for _ in range(scales))

    def forward(self, images: Tensor) -> list[Tensor]:
        scores = []
        for index, scale in enumerate(self):
            images = half_size(images) if index > 0 else images
            scores.append(scale(images))
        return scores


def _scale(ndf: int, slope: float) -> nn.Sequential:
    widths = (3, ndf, 2 * ndf, 4 * ndf, 8 * ndf)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [*padded_conv(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(slope)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 1))


def half_size(images: Tensor) -> Tensor:
    """Average over 3 x 3 windows with stride 2; the padding does not count."""
    # PyTorch's gradient for overlapping windows is wrong on CUDA where channels lie innermost (seen in 2.11).
    return F.avg_pool2d(images.contiguous(), 3, stride=2, padding=1, count_include_pad=False)


class StyleEncoder(nn.Sequential):
    """Encoder of images B x 3 x H x W to styles B x style_dim x 1 x 1, without norms, which would remove the style."""

    def __init__(self, ngf: int = 64, style_dim: int = 8) -> None:
        widths = (ngf, 2 * ngf, 4 * ngf, 4 * ngf, 4 * ngf)
        layers = [*padded_conv(3, ngf, 7, padding=3), nn.ReLU()]
        for inputs, outputs in pairwise(widths):
            layers += [*padded_conv(inputs, outputs, 4, stride=2, padding=1), nn.ReLU()]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Conv2d(widths[-1], style_dim, 1))
