"""A discriminator of whole images, which NEGCUT's code names for AFHQ (arXiv 2108.04547)."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from enco.networks.layers.blur import BlurDown
from enco.networks.layers.norm import InstanceNorm


class GlobalDiscriminator(nn.Sequential):
    """Discriminator of images B x 3 x H x W with one raw score each, B x 1 x 1 x 1.

    Sides are 4 * 2^halvings pixels: 256 with six. Larger images get a map of scores, smaller images do not fit.
    """

    compiled = ("forward",)

    def __init__(self, ndf: int = 64, halvings: int = 6) -> None:
        widths = [3, *(min(2**level, 8) * ndf for level in range(halvings))]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            norms = [] if inputs == 3 else [InstanceNorm(outputs)]
            layers += [nn.Conv2d(inputs, outputs, 4, padding=1), *norms, nn.LeakyReLU(0.2), BlurDown()]
        super().__init__(*layers, nn.Conv2d(widths[-1], 1, 4))
