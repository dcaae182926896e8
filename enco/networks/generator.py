"""The ResNet generator of CycleGAN and CUT, a flat list of modules indexed like the layers of the papers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import islice
from typing import Literal

import torch
from torch import Tensor, nn

from enco.errors import UserError
from enco.networks.layers.blur import BlurDown, BlurUp
from enco.networks.layers.init import init_weights
from enco.networks.layers.norm import InstanceNorm
from enco.networks.layers.padding import ReflectionPad
from enco.options.base import MethodOptions
from enco.options.cyclegan import Arch

Features = dict[int, Tensor]


class ResidualBlock(nn.Module):
    """Residual block x + IN(Conv(Pad(ReLU(IN(Conv(Pad(x))))))) with padded 3x3 convolutions."""

    def __init__(self, channels: int, pad: Callable[[int], nn.Module] = ReflectionPad, affine: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(
            pad(1),
            *conv_norm_relu(channels, channels, 3, affine=affine),
            pad(1),
            nn.Conv2d(channels, channels, 3),
            InstanceNorm(channels, affine=affine),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class ResnetGenerator(nn.Sequential):
    """Generator of images B x 3 x H x W in [-1, 1] from images of that size; H and W are multiples of 4.

    `arch`: blurred down- and upsampling (antialiased, CUT: 32 modules at 9 blocks), strided and transposed
    convolutions (strided, CycleGAN: 28 modules), or strided down and blurred up (mixed: 30 modules).
    `affine`: instance norms have a learned scale and shift. `padding`: of the first, last and residual convolutions.
    """

    compiled = ("forward", "forward_features", "encode")

    def __init__(
        self,
        ngf: int = 64,
        n_blocks: int = 9,
        arch: Arch = "antialiased",
        *,
        affine: bool = False,
        padding: Literal["reflect", "zeros"] = "reflect",
    ) -> None:
        down = _blurred_down if arch == "antialiased" else _strided_down
        up = _strided_up if arch == "strided" else _blurred_up
        pad = ReflectionPad if padding == "reflect" else nn.ZeroPad2d
        super().__init__(
            pad(3),
            *conv_norm_relu(3, ngf, 7, affine=affine),
            *down(ngf, 2 * ngf, affine),
            *down(2 * ngf, 4 * ngf, affine),
            *(ResidualBlock(4 * ngf, pad, affine) for _ in range(n_blocks)),
            *up(4 * ngf, 2 * ngf, affine),
            *up(2 * ngf, ngf, affine),
            pad(3),
            nn.Conv2d(ngf, 3, 7),
            nn.Tanh(),
        )

    def forward_features(self, images: Tensor, layers: Collection[int]) -> tuple[Tensor, Features]:
        """Return the output images, and the output of every module with an index in `layers`."""
        return self._run(images, layers, len(self))

    def encode(self, images: Tensor, layers: Collection[int]) -> Features:
        """Return the outputs of the modules in `layers`, computing no module after the last one."""
        return self._run(images, layers, max(layers) + 1)[1]

    def _run(self, x: Tensor, layers: Collection[int], stop: int) -> tuple[Tensor, Features]:
        features = {}
        for index, layer in enumerate(islice(self, stop)):
            x = layer(x)
            if index in layers:
                features[index] = x
        return x, features


def cut_generator(options: MethodOptions) -> ResnetGenerator:
    """Make and initialise the generator of CUT and of the methods built on CUT."""
    return init_weights(ResnetGenerator(options.ngf, options.n_blocks), "xavier")


@torch.no_grad()
def feature_shapes(generator: ResnetGenerator, layers: Collection[int], size: int) -> dict[int, tuple[int, int, int]]:
    """Find C, H and W of each layer's feature for an image of `size` squared by one pass.

    Raises UserError for an index that the generator does not have.
    """
    for layer in layers:
        if not 0 <= layer < len(generator):
            raise UserError(f"Feature tap {layer} does not exist: choose among modules 0 to {len(generator) - 1}.")
    device = next(generator.parameters()).device
    features = generator.encode(torch.zeros(1, 3, size, size, device=device), layers)
    return {layer: (f.shape[1], f.shape[2], f.shape[3]) for layer, f in features.items()}


def conv_norm_relu(
    inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0, *, affine: bool = False
) -> list[nn.Module]:
    """Make a convolution with bias, instance norm and ReLU (not in place, as any output may be a feature)."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding)
    return [convolution, InstanceNorm(outputs, affine=affine), nn.ReLU()]


def _blurred_down(inputs: int, outputs: int, affine: bool) -> list[nn.Module]:
    return [*conv_norm_relu(inputs, outputs, 3, padding=1, affine=affine), BlurDown()]


def _strided_down(inputs: int, outputs: int, affine: bool) -> list[nn.Module]:
    return conv_norm_relu(inputs, outputs, 3, stride=2, padding=1, affine=affine)


def _blurred_up(inputs: int, outputs: int, affine: bool) -> list[nn.Module]:
    return [BlurUp(), *conv_norm_relu(inputs, outputs, 3, padding=1, affine=affine)]


def _strided_up(inputs: int, outputs: int, affine: bool) -> list[nn.Module]:
    up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
    return [up, InstanceNorm(outputs, affine=affine), nn.ReLU()]
