"""PatchGAN discriminators (Isola et al. 2017, arXiv 1611.07004)."""

from __future__ import annotations

from torch import nn

from enco.networks.layers.blur import BlurDown
from enco.networks.layers.init import init_weights
from enco.networks.layers.norm import InstanceNorm
from enco.options.base import MethodOptions


class PatchDiscriminator(nn.Sequential):
    """Discriminator of images B x 3 x H x W, with a map of raw scores of patches: 1 x 30 x 30 for 256 squared.

    Scores are high where a patch looks real. One score sees 84 x 84 pixels with blurred downsampling (`antialiased`),
    70 x 70 with strided convolutions.
    `affine`: instance norms have a learned scale and shift.
    """

    compiled = ("forward",)

    def __init__(self, ndf: int = 64, antialiased: bool = True, affine: bool = False) -> None:
        down = _blurred_down if antialiased else _strided_down
        super().__init__(
            *down(3, ndf, norm=False),
            *down(ndf, 2 * ndf, affine=affine),
            *down(2 * ndf, 4 * ndf, affine=affine),
            *_conv(4 * ndf, 8 * ndf, stride=1, affine=affine),
            nn.Conv2d(8 * ndf, 1, 4, padding=1),
        )


def cut_discriminator(options: MethodOptions) -> PatchDiscriminator:
    """Make and initialise the discriminator of CUT and of the methods built on CUT."""
    return init_weights(PatchDiscriminator(options.ndf), "xavier")


def _conv(inputs: int, outputs: int, stride: int, norm: bool = True, affine: bool = False) -> list[nn.Module]:
    norms = [InstanceNorm(outputs, affine=affine)] if norm else []
    return [nn.Conv2d(inputs, outputs, 4, stride, padding=1), *norms, nn.LeakyReLU(0.2)]


def _blurred_down(inputs: int, outputs: int, norm: bool = True, affine: bool = False) -> list[nn.Module]:
    return [*_conv(inputs, outputs, stride=1, norm=norm, affine=affine), BlurDown()]


def _strided_down(inputs: int, outputs: int, norm: bool = True, affine: bool = False) -> list[nn.Module]:
    return _conv(inputs, outputs, stride=2, norm=norm, affine=affine)
