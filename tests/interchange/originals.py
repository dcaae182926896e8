"""The authors' generators, written again in plain PyTorch from their keys and the methods' papers.

They share no code with this project, and have the authors' names. Widths and numbers of blocks are free.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Arch = Literal["antialiased", "mixed", "strided", "unpadded"]


class Blur(nn.Module):
    """A fixed filter on each channel, with stride 2 down or up."""

    filt: Tensor

    def __init__(self, channels: int, *row: float) -> None:
        super().__init__()
        values = torch.tensor(row)
        self.register_buffer("filt", (values[:, None] * values / 16).expand(channels, 1, -1, -1).clone())

    def forward(self, x: Tensor) -> Tensor:
        if self.filt.shape[-1] == 3:
            return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.filt, stride=2, groups=len(self.filt))
        padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
        return F.conv_transpose2d(padded, self.filt, stride=2, groups=len(self.filt))[..., 3:-3, 3:-3]


class ResnetBlock(nn.Module):
    """A residual block; without paddings in the list, convolutions pad by zeros and norms are affine."""

    def __init__(self, channels: int, unpadded: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for half in range(2):
            if not unpadded:
                layers.append(nn.ReflectionPad2d(1))
            layers += [nn.Conv2d(channels, channels, 3, padding=int(unpadded)), norm(channels, unpadded)]
            if half == 0:
                layers.append(nn.ReLU())
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


def norm(channels: int, affine: bool = False) -> nn.Module:
    return nn.InstanceNorm2d(channels, affine=affine)


class Resnet(nn.Module):
    """The generator of CycleGAN's, CUT's and DistanceGAN's code."""

    def __init__(self, arch: Arch, ngf: int, n_blocks: int) -> None:
        super().__init__()
        unpadded = arch == "unpadded"
        border = [] if unpadded else [nn.ReflectionPad2d(3)]
        around = 3 if unpadded else 0
        layers = [*border, nn.Conv2d(3, ngf, 7, padding=around), norm(ngf, unpadded), nn.ReLU()]
        for inputs in (ngf, 2 * ngf):
            stride = 1 if arch == "antialiased" else 2
            layers += [nn.Conv2d(inputs, 2 * inputs, 3, stride, 1), norm(2 * inputs, unpadded), nn.ReLU()]
            layers += [Blur(2 * inputs, 1, 2, 1)] if arch == "antialiased" else []
        layers += [ResnetBlock(4 * ngf, unpadded) for _ in range(n_blocks)]
        for inputs in (4 * ngf, 2 * ngf):
            if arch in ("antialiased", "mixed"):
                layers += [Blur(inputs, 1, 3, 3, 1), nn.Conv2d(inputs, inputs // 2, 3, padding=1)]
            else:
                layers += [nn.ConvTranspose2d(inputs, inputs // 2, 3, 2, 1, output_padding=1)]
            layers += [norm(inputs // 2, unpadded), nn.ReLU()]
        layers += [*border, nn.Conv2d(ngf, 3, 7, padding=around), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Heads(nn.Module):
    """CUT's heads, one for the features of each layer."""

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        for i, inputs in enumerate(channels):
            setattr(self, f"mlp_{i}", nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width)))


class AdaptiveNorm(nn.Module):
    """MUNIT's adaptive instance norm, with statistics that nothing reads."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.shift, self.scale = torch.empty(0), torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        return F.instance_norm(x) * self.scale[:, :, None, None] + self.shift[:, :, None, None]


class SampleNorm(nn.Module):
    """MUNIT's layer norm: the deviation is unbiased, and the small number is added to it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.rand(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        mean, deviation = flat.mean(1), flat.std(1)
        y = (x - mean.view(-1, 1, 1, 1)) / (deviation.view(-1, 1, 1, 1) + 1e-5)
        return y * self.gamma.view(1, -1, 1, 1) + self.beta.view(1, -1, 1, 1)


class MunitConv(nn.Module):
    """MUNIT's convolution, padded by reflection, with norm and activation."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        pad: int,
        norm: nn.Module | None = None,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(inputs, outputs, kernel, stride), norm or nn.Identity()
        self.pad, self.activation = nn.ReflectionPad2d(pad), activation or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.norm(self.conv(self.pad(x))))


class Chain(nn.Module):
    """Modules in a row, under the name `model`; `residual` adds the input."""

    def __init__(self, *layers: nn.Module, residual: bool = False) -> None:
        super().__init__()
        self.model, self.residual = nn.Sequential(*layers), residual

    def forward(self, x: Tensor) -> Tensor:
        return x + self.model(x) if self.residual else self.model(x)


class Linear(nn.Module):
    """MUNIT's linear layer, with activation or without."""

    def __init__(self, inputs: int, outputs: int, activation: nn.Module) -> None:
        super().__init__()
        self.fc, self.activation = nn.Linear(inputs, outputs), activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.fc(x))


def munit_blocks(channels: int, count: int, norm: type[nn.Module]) -> Chain:
    return Chain(
        *(
            Chain(
                MunitConv(channels, channels, 3, 1, 1, norm(channels), nn.ReLU()),
                MunitConv(channels, channels, 3, 1, 1, norm(channels)),
                residual=True,
            )
            for _ in range(count)
        )
    )


class MunitGenerator(nn.Module):
    """MUNIT's encoders and decoder of one domain."""

    def __init__(self, ngf: int, n_blocks: int, style_dim: int = 8, width: int = 256) -> None:
        super().__init__()
        n, relu = ngf, nn.ReLU
        strided = [MunitConv(a, b, 4, 2, 1, None, relu()) for a, b in pairwise((n, 2 * n, 4 * n, 4 * n, 4 * n))]
        first = MunitConv(3, n, 7, 1, 3, None, relu())
        self.enc_style = Chain(first, *strided, nn.AdaptiveAvgPool2d(1), nn.Conv2d(4 * n, style_dim, 1))
        self.enc_content = Chain(
            MunitConv(3, n, 7, 1, 3, nn.InstanceNorm2d(n), relu()),
            *(MunitConv(a, 2 * a, 4, 2, 1, nn.InstanceNorm2d(2 * a), relu()) for a in (n, 2 * n)),
            munit_blocks(4 * n, n_blocks, nn.InstanceNorm2d),
        )
        ups = [
            layer
            for a in (4 * n, 2 * n)
            for layer in (nn.Upsample(scale_factor=2), MunitConv(a, a // 2, 5, 1, 2, SampleNorm(a // 2), relu()))
        ]
        self.dec = Chain(munit_blocks(4 * n, n_blocks, AdaptiveNorm), *ups, MunitConv(n, 3, 7, 1, 3, None, nn.Tanh()))
        self.norms = [module for module in self.dec.modules() if isinstance(module, AdaptiveNorm)]
        sizes = (style_dim, width, width, len(self.norms) * 2 * 4 * n)
        self.mlp = Chain(
            *(Linear(a, b, nn.Identity() if i == 2 else relu()) for i, (a, b) in enumerate(pairwise(sizes)))
        )

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        numbers = self.mlp(style).split(2 * content.shape[1], dim=1)
        for module, share in zip(self.norms, numbers, strict=True):
            module.shift, module.scale = share.chunk(2, dim=1)
        return self.dec(content)


def padded(inputs: int, outputs: int, kernel: int, stride: int, pad: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(pad), nn.Conv2d(inputs, outputs, kernel, stride)]


def drit_block(channels: int) -> Chain:
    conv = [[*padded(channels, channels, 3, 1, 1), nn.InstanceNorm2d(channels)] for _ in range(2)]
    return Chain(*conv[0], nn.ReLU(), *conv[1], residual=True)


class DritContents(nn.Module):
    """DRIT's encoder of contents."""

    def __init__(self, ngf: int, n_blocks: int) -> None:
        super().__init__()
        self.conv_share = nn.Sequential(drit_block(4 * ngf))
        self.convA, self.convB = (
            nn.Sequential(
                Chain(*padded(3, ngf, 7, 1, 3), nn.LeakyReLU()),
                *(Chain(*padded(a, 2 * a, 3, 2, 1), nn.InstanceNorm2d(2 * a), nn.ReLU()) for a in (ngf, 2 * ngf)),
                *(drit_block(4 * ngf) for _ in range(n_blocks)),
            )
            for _ in "AB"
        )

    def forward(self, x: Tensor, letter: str) -> Tensor:
        return self.conv_share(getattr(self, f"conv{letter}")(x))


class DritBasicBlock(nn.Module):
    """A residual block of DRIT's attribute encoder."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        pooled = nn.Sequential(*padded(inputs, outputs, 3, 1, 1), nn.AvgPool2d(2))
        self.conv = nn.Sequential(nn.LeakyReLU(0.2), *padded(inputs, inputs, 3, 1, 1), nn.LeakyReLU(0.2), pooled)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + self.shortcut(x)


class DritAttributes(nn.Module):
    """DRIT's encoders of attributes that go with concatenation."""

    def __init__(self, ngf: int, dim: int = 8) -> None:
        super().__init__()
        for letter in "AB":
            blocks = [DritBasicBlock(i * ngf, (i + 1) * ngf) for i in (1, 2, 3)]
            last = [nn.LeakyReLU(0.2), nn.AdaptiveAvgPool2d(1)]
            setattr(self, f"conv_{letter}", nn.Sequential(*padded(3, ngf, 4, 2, 1), *blocks, *last))
            setattr(self, f"fc_{letter}", nn.Sequential(nn.Linear(4 * ngf, dim)))
            setattr(self, f"fcVar_{letter}", nn.Sequential(nn.Linear(4 * ngf, dim)))

    def forward(self, x: Tensor, letter: str) -> Tensor:
        return getattr(self, f"fc_{letter}")(getattr(self, f"conv_{letter}")(x).flatten(1))


class DritStyles(nn.Module):
    """DRIT's encoders of attributes that go with the feature-wise decoder."""

    def __init__(self, ngf: int, dim: int = 8) -> None:
        super().__init__()
        for letter in "ab":
            layers = [*padded(3, ngf, 7, 1, 3), nn.ReLU()]
            for a, b in pairwise((ngf, 2 * ngf, 4 * ngf, 4 * ngf, 4 * ngf)):
                layers += [*padded(a, b, 4, 2, 1), nn.ReLU()]
            layers += [nn.AdaptiveAvgPool2d(1), nn.Conv2d(4 * ngf, dim, 1)]
            setattr(self, f"model_{letter}", nn.Sequential(*layers))

    def forward(self, x: Tensor, letter: str) -> Tensor:
        return getattr(self, f"model_{letter.lower()}")(x).flatten(1)


class DritLayerNorm(nn.Module):
    """A layer norm over channels and places, with a weight and a bias for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels, 1, 1)), nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[1:]) * self.weight + self.bias


def drit_up(inputs: int, outputs: int) -> Chain:
    up = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1)
    return Chain(up, DritLayerNorm(outputs), nn.ReLU())


def beside(features: Tensor, code: Tensor) -> Tensor:
    places = torch.ones(1, 1, *features.shape[2:])
    return torch.cat([features, code[:, :, None, None] * places], 1)


class DritConcat(nn.Module):
    """DRIT's decoders by concatenation."""

    def __init__(self, ngf: int, n_blocks: int, dim: int = 8) -> None:
        super().__init__()
        self.dec_share = nn.Sequential(drit_block(4 * ngf))
        wide = 4 * ngf + dim
        middle = (wide + dim) // 2
        narrow = (middle + dim) // 2
        for letter in "AB":
            setattr(self, f"dec{letter}1", nn.Sequential(*(drit_block(wide) for _ in range(n_blocks))))
            setattr(self, f"dec{letter}2", nn.Sequential(drit_up(wide + dim, middle)))
            setattr(self, f"dec{letter}3", nn.Sequential(drit_up(middle + dim, narrow)))
            setattr(self, f"dec{letter}4", nn.Sequential(nn.ConvTranspose2d(narrow + dim, 3, 1), nn.Tanh()))

    def forward(self, content: Tensor, code: Tensor, letter: str) -> Tensor:
        x = self.dec_share(content)
        for stage in "1234":
            x = getattr(self, f"dec{letter}{stage}")(beside(x, code))
        return x


class DritMixed(nn.Module):
    """A residual block that mixes a code into features."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for half in "12":
            conv = nn.Sequential(*padded(channels, channels, 3, 1, 1))
            mix = nn.Sequential(
                *(nn.Conv2d(2 * channels, 2 * channels, 1), nn.ReLU(), nn.Conv2d(2 * channels, channels, 1), nn.ReLU())
            )
            setattr(self, f"conv{half}", nn.Sequential(conv, nn.InstanceNorm2d(channels)))
            setattr(self, f"blk{half}", mix)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        y = x
        for half in "12":
            y = getattr(self, f"blk{half}")(beside(getattr(self, f"conv{half}")(y), code))
        return x + y


class DritFeaturewise(nn.Module):
    """DRIT's feature-wise decoders."""

    def __init__(self, ngf: int, n_blocks: int, dim: int = 8) -> None:
        super().__init__()
        self.stages, wide = n_blocks + 1, 4 * ngf
        for letter in "AB":
            for stage in range(self.stages):
                setattr(self, f"dec{letter}{stage + 1}", DritMixed(wide))
            last = [drit_up(wide, wide // 2), drit_up(wide // 2, wide // 4), nn.ConvTranspose2d(wide // 4, 3, 1)]
            setattr(self, f"dec{letter}{self.stages + 1}", nn.Sequential(*last, nn.Tanh()))
            mlp = (nn.Linear(dim, wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU())
            setattr(self, f"mlp{letter}", nn.Sequential(*mlp, nn.Linear(wide, wide * self.stages)))

    def forward(self, x: Tensor, code: Tensor, letter: str) -> Tensor:
        codes = getattr(self, f"mlp{letter}")(code).chunk(self.stages, dim=1)
        for stage, share in enumerate(codes, start=1):
            x = getattr(self, f"dec{letter}{stage}")(x, share)
        return getattr(self, f"dec{letter}{self.stages + 1}")(x)


def drit_networks(concat: bool, ngf: int, n_blocks: int) -> dict[str, nn.Module]:
    """Return the networks of DRIT's files, by the files' names."""
    attributes, decoder = (DritAttributes, DritConcat) if concat else (DritStyles, DritFeaturewise)
    return {"enc_c": DritContents(ngf, n_blocks), "enc_a": attributes(ngf), "gen": decoder(ngf, n_blocks)}
