"""DRIT's networks (Lee et al. 2018, arXiv 1808.00948): content shared by two domains, attributes of each, decoders.

Layers are as in the authors' code, which has two decoders: by concatenation (`concat`) and feature-wise.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from enco.networks.domains import DOMAINS, Domain
from enco.networks.generator import ResidualBlock, conv_norm_relu
from enco.networks.layers.norm import InstanceNorm
from enco.networks.layers.padding import ReflectionPad
from enco.networks.multiscale import padded_conv
from enco.runtime.randomness import normal


class ContentEncoder(nn.Module):
    """Encoder of a domain's images B x 3 x H x W to content codes B x 4 ngf x H/4 x W/4; the last block is shared."""

    compiled = ("forward",)

    def __init__(self, ngf: int = 64, n_blocks: int = 3) -> None:
        super().__init__()
        self.backbones = nn.ModuleDict({domain: _content_backbone(ngf, n_blocks) for domain in DOMAINS})
        self.shared = ResidualBlock(4 * ngf)

    def forward(self, images: Tensor, domain: Domain) -> Tensor:
        return self.shared(self.backbones[domain](images))


def _content_backbone(ngf: int, n_blocks: int) -> nn.Sequential:
    return nn.Sequential(
        *padded_conv(3, ngf, 7, padding=3),
        nn.LeakyReLU(),
        ReflectionPad(1),
        *conv_norm_relu(ngf, 2 * ngf, 3, stride=2),
        ReflectionPad(1),
        *conv_norm_relu(2 * ngf, 4 * ngf, 3, stride=2),
        *(ResidualBlock(4 * ngf) for _ in range(n_blocks)),
    )


class Attribute(NamedTuple):
    """Encoded attributes: mean and log-variance of a normal distribution, B x dim; None is no spread."""

    mean: Tensor
    log_variance: Tensor | None = None

    def draw(self) -> Tensor:
        """Draw attribute codes, B x dim, from torch's global random state."""
        if self.log_variance is None:
            return self.mean
        return self.mean + (self.log_variance / 2).exp() * normal(self.mean.shape, self.mean.device)


class AttributeEncoder(nn.Module):
    """Encoder of images B x 3 x H x W to distributions of `dim` attributes.

    There are no norms, which would remove the attribute. The feature-wise decoder goes with a StyleEncoder instead.
    """

    compiled = ("forward",)

    def __init__(self, ngf: int = 64, dim: int = 8) -> None:
        super().__init__()
        widths = (ngf, 2 * ngf, 3 * ngf, 4 * ngf)
        self.body = nn.Sequential(
            *padded_conv(3, ngf, 4, stride=2, padding=1),
            *(PooledBlock(inputs, outputs) for inputs, outputs in pairwise(widths)),
            nn.LeakyReLU(0.2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.mean, self.log_variance = nn.Linear(4 * ngf, dim), nn.Linear(4 * ngf, dim)

    def forward(self, images: Tensor) -> Attribute:
        features = self.body(images)
        return Attribute(self.mean(features), self.log_variance(features))


class PooledBlock(nn.Module):
    """Residual block without norms that halves B x C x H x W by averaging."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LeakyReLU(0.2),
            *padded_conv(inputs, inputs, 3, padding=1),
            nn.LeakyReLU(0.2),
            *padded_conv(inputs, outputs, 3, padding=1),
            nn.AvgPool2d(2),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.shortcut(x)


class Generator(nn.Module):
    """Decoder of content codes B x 4 ngf x h x w and attributes B x dim to a domain's images B x 3 x 4h x 4w.

    `concat` (the default): the domains share one block, and the attribute is concatenated to the features at four
    depths. Else every residual block gets an attribute code of its own, and the domains share nothing.
    """

    compiled = ("forward",)

    def __init__(self, ngf: int = 64, n_blocks: int = 3, dim: int = 8, concat: bool = True) -> None:
        super().__init__()
        self.shared = ResidualBlock(4 * ngf) if concat else nn.Identity()
        decoder = ConcatDecoder if concat else FeaturewiseDecoder
        self.decoders = nn.ModuleDict({domain: decoder(4 * ngf, n_blocks, dim) for domain in DOMAINS})

    def forward(self, content: Tensor, attribute: Tensor, domain: Domain) -> Tensor:
        return self.decoders[domain](self.shared(content), attribute)


class ConcatDecoder(nn.ModuleList):
    """Four stages, each with the attribute as further channels: residual blocks, two upsamplings, the output layer."""

    def __init__(self, channels: int, n_blocks: int, dim: int) -> None:
        wide = channels + dim
        middle = (wide + dim) // 2
        narrow = (middle + dim) // 2
        super().__init__(
            [
                nn.Sequential(*(ResidualBlock(wide) for _ in range(n_blocks))),
                nn.Sequential(*_up(wide + dim, middle)),
                nn.Sequential(*_up(middle + dim, narrow)),
                nn.Sequential(*_to_image(narrow + dim)),
            ]
        )

    def forward(self, content: Tensor, attribute: Tensor) -> Tensor:
        for stage in self:
            content = stage(append_code(content, attribute))
        return content


class FeaturewiseDecoder(nn.Module):
    """n_blocks + 1 residual blocks, each with a part of the embedded attribute, then upsampling."""

    def __init__(self, channels: int, n_blocks: int, dim: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(AttributeBlock(channels) for _ in range(n_blocks + 1))
        self.mlp = nn.Sequential(
            *(nn.Linear(dim, channels), nn.ReLU()),
            *(nn.Linear(channels, channels), nn.ReLU()),
            nn.Linear(channels, channels * len(self.blocks)),
        )
        half, quarter = channels // 2, channels // 4
        self.up = nn.Sequential(*_up(channels, half), *_up(half, quarter), *_to_image(quarter))

    def forward(self, content: Tensor, attribute: Tensor) -> Tensor:
        codes = self.mlp(attribute).chunk(len(self.blocks), dim=1)
        for block, code in zip(self.blocks, codes, strict=True):
            content = block(content, code)
        return self.up(content)


class AttributeBlock(nn.Module):
    """Residual block that mixes a code B x C into features B x C x H x W after each convolution, by 1x1 convolutions.

    The residual is never negative, as its last layer is a ReLU.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Sequential(*padded_conv(channels, channels, 3, padding=1), InstanceNorm(channels)) for _ in range(2)
        )
        self.mixers = nn.ModuleList(_mixer(channels) for _ in range(2))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        added = x
        for conv, mixer in zip(self.convs, self.mixers, strict=True):
            added = mixer(append_code(conv(added), code))
        return x + added


def _mixer(channels: int) -> nn.Sequential:
    wide = 2 * channels
    return nn.Sequential(nn.Conv2d(wide, wide, 1), nn.ReLU(), nn.Conv2d(wide, channels, 1), nn.ReLU())


def append_code(features: Tensor, code: Tensor) -> Tensor:
    """Append a code B x D to features B x C x H x W at every position; returns B x (C + D) x H x W."""
    return torch.cat([features, code[:, :, None, None].expand(-1, -1, *features.shape[2:])], dim=1)


def _up(inputs: int, outputs: int) -> list[nn.Module]:
    up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
    # One group is layer norm over C, H and W, with a gain and a bias for each channel.
    return [up, nn.GroupNorm(1, outputs), nn.ReLU()]


def _to_image(inputs: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(inputs, 3, 1), nn.Tanh()]


class ContentDiscriminator(nn.Sequential):
    """Discriminator of content codes B x C x h x w, with raw scores that are high where a code looks like domain b's.

    The paper has 3 strided layers, for which images need sides of at least `smallest_content_side(3)` = 209 pixels.
    The authors' code asks for instance norms here and in the image discriminators but, by a slip, never makes any.
    """

    compiled = ("forward",)

    def __init__(self, channels: int = 256, width: int = 256, layers: int = 3) -> None:
        widths = (channels, *[width] * layers)
        strided: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            strided += [*padded_conv(inputs, outputs, 7, stride=2, padding=1), nn.LeakyReLU()]
        super().__init__(*strided, nn.Conv2d(widths[-1], width, 4), nn.LeakyReLU(), nn.Conv2d(width, 1, 1))
