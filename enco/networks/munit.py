"""MUNIT's autoencoder, which separates content and style and joins them by adaptive instance normalisation.

Huang et al. 2018, arXiv 1804.04732, section B.2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enco.networks.generator import ResidualBlock, conv_norm_relu
from enco.networks.layers.norm import instance_norm
from enco.networks.layers.padding import ReflectionPad
from enco.networks.multiscale import StyleEncoder, padded_conv
from enco.runtime.precision import in_float32


class AutoEncoder(nn.Module):
    """Encoders and decoder of one domain.

    Images are B x 3 x H x W, with H and W multiples of 4; contents B x 4 ngf x H/4 x W/4; styles B x style_dim.
    """

    compiled = ("encode", "decode")

    def __init__(self, ngf: int = 64, n_blocks: int = 4, style_dim: int = 8, mlp_width: int = 256) -> None:
        super().__init__()
        self.style_encoder = StyleEncoder(ngf, style_dim)
        self.content_encoder = ContentEncoder(ngf, n_blocks)
        self.decoder = Decoder(ngf, n_blocks)
        self.mlp = nn.Sequential(
            nn.Linear(style_dim, mlp_width),
            nn.ReLU(),
            nn.Linear(mlp_width, mlp_width),
            nn.ReLU(),
            nn.Linear(mlp_width, self.decoder.style_parameters),
        )

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Encode contents and styles of images."""
        return self.content_encoder(images), self.style_encoder(images).flatten(1)

    def decode(self, contents: Tensor, styles: Tensor) -> Tensor:
        """Decode images in [-1, 1] from contents of either domain, in styles of this domain."""
        images: Tensor = self.decoder(contents, self.mlp(styles))
        return images


class ContentEncoder(nn.Sequential):
    """Encoder of images to contents; instance norms remove the style."""

    compiled = ("forward",)

    def __init__(self, ngf: int = 64, n_blocks: int = 4) -> None:
        super().__init__(
            ReflectionPad(3),
            *conv_norm_relu(3, ngf, 7),
            ReflectionPad(1),
            *conv_norm_relu(ngf, 2 * ngf, 4, stride=2),
            ReflectionPad(1),
            *conv_norm_relu(2 * ngf, 4 * ngf, 4, stride=2),
            *(ResidualBlock(4 * ngf) for _ in range(n_blocks)),
        )


class Decoder(nn.Module):
    """Decoder of contents, with `style_parameters` numbers for each image, to images."""

    def __init__(self, ngf: int = 64, n_blocks: int = 4) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(AdaptiveResidualBlock(4 * ngf) for _ in range(n_blocks))
        self.up = nn.Sequential(
            *_up(4 * ngf, 2 * ngf), *_up(2 * ngf, ngf), *padded_conv(ngf, 3, 7, padding=3), nn.Tanh()
        )
        self.style_parameters = n_blocks * 4 * (4 * ngf)

    def forward(self, contents: Tensor, parameters: Tensor) -> Tensor:
        for block, share in zip(self.blocks, parameters.chunk(len(self.blocks), dim=1), strict=True):
            contents = block(contents, share)
        images: Tensor = self.up(contents)
        return images


class AdaptiveResidualBlock(nn.Module):
    """Residual block x + AdaIN(Conv(Pad(ReLU(AdaIN(Conv(Pad(x))))))) of C channels, with 2 C parameters an AdaIN."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Sequential(*padded_conv(channels, channels, 3, padding=1))
        self.second = nn.Sequential(*padded_conv(channels, channels, 3, padding=1))

    def forward(self, x: Tensor, parameters: Tensor) -> Tensor:
        first, second = parameters.chunk(2, dim=1)
        y = F.relu(adaptive_instance_norm(self.first(x), first))
        return x + adaptive_instance_norm(self.second(y), second)


def adaptive_instance_norm(x: Tensor, parameters: Tensor) -> Tensor:
    """Standardise, scale and shift each channel of B x C x H x W; parameters are B x 2C: C shifts, then C scales."""
    shift, scale = parameters[:, :, None, None].chunk(2, dim=1)
    return scale * instance_norm(x) + shift


class LayerNorm(nn.Module):
    """Layer norm, which standardises each sample of B x C x H x W as a whole, then scales and shifts channels.

    As in MUNIT's code and unlike PyTorch's layer norm, the deviation is unbiased, 1e-5 is added to the deviation and
    not to the variance, and the gains start uniform in [0, 1).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    @in_float32
    def forward(self, x: Tensor) -> Tensor:
        deviation, mean = torch.std_mean(x, dim=(1, 2, 3), keepdim=True)
        return self.gain * ((x - mean) / (deviation + 1e-5)) + self.bias


def _up(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Upsample(scale_factor=2), *padded_conv(inputs, outputs, 5, padding=2), LayerNorm(outputs), nn.ReLU()]
