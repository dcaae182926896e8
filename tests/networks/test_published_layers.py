"""Every layer of MUNIT's, DRIT's, GcGAN's and DistanceGAN's networks, in order, against the authors'.

At full width, without memory for weights. A layer is its name, outputs, kernel, stride and zero padding, and what else
it has: "conv 64 k7 s1 p0". Reflection padding is a layer of its own.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enco.methods import create
from enco.methods.base import Method
from enco.networks.drit import PooledBlock
from enco.networks.layers.padding import ReflectionPad
from enco.networks.munit import AdaptiveResidualBlock, LayerNorm
from tests.support.tiny_methods import tiny_options


def paper_size(name: str, **options: Any) -> Method:
    with torch.device("meta"):
        return create(name, device="meta", **options)


def layers(net: nn.Module) -> list[str]:
    """Return a network's layers, with modules of several parts split into these."""
    found = []
    for module in net.modules():
        if isinstance(module, LayerNorm) or not list(module.children()):
            found.append(layer(module))
    return found


def layer(module: nn.Module) -> str:
    match module:
        case ReflectionPad():
            return f"reflect {module.width}"
        case nn.Conv2d():
            return f"conv {convolution(module)}"
        case nn.ConvTranspose2d():
            return f"up-conv {convolution(module)} op{module.output_padding[0]}"
        case nn.InstanceNorm2d():
            assert (module.eps, module.track_running_stats) == (1e-5, False)
            return "affine norm" if module.affine else "norm"
        case nn.LeakyReLU():
            return f"leaky {module.negative_slope}"
        case nn.Upsample():
            return f"{module.mode} x{module.scale_factor:g}"
        case nn.Linear():
            return f"linear {module.out_features}"
        case nn.ZeroPad2d():
            return f"zeros {module.padding[0]}"
        case nn.AvgPool2d():
            return f"halve {module.kernel_size}"
    return NAMES[type(module)]


NAMES: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.Tanh: "tanh",
    nn.AdaptiveAvgPool2d: "mean",
    nn.Flatten: "flat",
    nn.Identity: "same",
    LayerNorm: "layer norm",
    nn.GroupNorm: "layer norm",
}


def convolution(module: nn.Conv2d | nn.ConvTranspose2d) -> str:
    assert (module.bias is not None, module.dilation, module.groups) == (True, (1, 1), 1)
    return f"{module.out_channels} k{module.kernel_size[0]} s{module.stride[0]} p{module.padding[0]}"


def padded(outputs: int, kernel: int, stride: int, pad: int, *then: str) -> list[str]:
    return [f"reflect {pad}", f"conv {outputs} k{kernel} s{stride} p0", *then]


def residual(channels: int) -> list[str]:
    return [*padded(channels, 3, 1, 1, "norm", "relu"), *padded(channels, 3, 1, 1, "norm")]


def patch_discriminator(norm: str) -> list[str]:
    normed = [
        part
        for outputs, stride in ((128, 2), (256, 2), (512, 1))
        for part in (f"conv {outputs} k4 s{stride} p1", norm, "leaky 0.2")
    ]
    return ["conv 64 k4 s2 p1", "leaky 0.2", *normed, "conv 1 k4 s1 p1"]


def multi_scale(slope: float) -> list[str]:
    strided = [part for outputs in (64, 128, 256, 512) for part in padded(outputs, 4, 2, 1, f"leaky {slope}")]
    return 3 * [*strided, "conv 1 k1 s1 p0"]


def resnet(pad: str, norm: str) -> list[str]:
    block = [f"{pad} 1", "conv 256 k3 s1 p0", norm, "relu", f"{pad} 1", "conv 256 k3 s1 p0", norm]
    return [
        *(f"{pad} 3", "conv 64 k7 s1 p0", norm, "relu"),
        *("conv 128 k3 s2 p1", norm, "relu", "conv 256 k3 s2 p1", norm, "relu"),
        *9 * block,
        *("up-conv 128 k3 s2 p1 op1", norm, "relu", "up-conv 64 k3 s2 p1 op1", norm, "relu"),
        *(f"{pad} 3", "conv 3 k7 s1 p0", "tanh"),
    ]


STYLE_ENCODER = [
    *padded(64, 7, 1, 3, "relu"),
    *(part for outputs in (128, 256, 256, 256) for part in padded(outputs, 4, 2, 1, "relu")),
    *("mean", "conv 8 k1 s1 p0"),
]
MUNIT_CONTENT_ENCODER = [
    *padded(64, 7, 1, 3, "norm", "relu"),
    *padded(128, 4, 2, 1, "norm", "relu"),
    *padded(256, 4, 2, 1, "norm", "relu"),
    *4 * residual(256),
]
MUNIT_DECODER = [
    *8 * padded(256, 3, 1, 1),  # norms and activations have no layers of their own: see the test of the block
    *("nearest x2", *padded(128, 5, 1, 2, "layer norm", "relu")),
    *("nearest x2", *padded(64, 5, 1, 2, "layer norm", "relu")),
    *padded(3, 7, 1, 3, "tanh"),
]
MUNIT_AUTOENCODER = [
    *(*STYLE_ENCODER, *MUNIT_CONTENT_ENCODER, *MUNIT_DECODER),
    *("linear 256", "relu", "linear 256", "relu", "linear 4096"),
]

CONTENT_TRUNK = [
    *padded(64, 7, 1, 3, "leaky 0.01"),
    *padded(128, 3, 2, 1, "norm", "relu"),
    *padded(256, 3, 2, 1, "norm", "relu"),
    *3 * residual(256),
]
ATTRIBUTE_ENCODER = [
    *padded(64, 4, 2, 1),
    *(
        part
        for inputs, outputs in pairwise((64, 128, 192, 256))
        for part in (
            *("leaky 0.2", *padded(inputs, 3, 1, 1), "leaky 0.2", *padded(outputs, 3, 1, 1), "halve 2"),
            *("halve 2", f"conv {outputs} k1 s1 p0"),
        )
    ),
    *("leaky 0.2", "mean", "flat", "linear 8", "linear 8"),
]
CONCAT_DECODER = [
    *3 * residual(264),
    *("up-conv 136 k3 s2 p1 op1", "layer norm", "relu"),
    *("up-conv 72 k3 s2 p1 op1", "layer norm", "relu"),
    *("up-conv 3 k1 s1 p0 op0", "tanh"),
]
FEATUREWISE_DECODER = [
    *4 * [*2 * padded(256, 3, 1, 1, "norm"), *2 * ["conv 512 k1 s1 p0", "relu", "conv 256 k1 s1 p0", "relu"]],
    *("linear 256", "relu", "linear 256", "relu", "linear 1024"),
    *("up-conv 128 k3 s2 p1 op1", "layer norm", "relu"),
    *("up-conv 64 k3 s2 p1 op1", "layer norm", "relu"),
    *("up-conv 3 k1 s1 p0 op0", "tanh"),
]
CONTENT_DISCRIMINATOR = [
    *3 * padded(256, 7, 2, 1, "leaky 0.01"),
    *("conv 256 k4 s1 p0", "leaky 0.01", "conv 1 k1 s1 p0"),
]

DRIT_COMMON = {
    "content_encoder": 2 * CONTENT_TRUNK + residual(256),
    **{f"discriminator_{name}": multi_scale(0.01) for name in ("a", "b", "a2", "b2")},
    "content_discriminator": CONTENT_DISCRIMINATOR,
}
DISTANCE = {
    "generator_ab": resnet("zeros", "affine norm"),
    "generator_ba": resnet("zeros", "affine norm"),
    "discriminator_a": patch_discriminator("affine norm"),
    "discriminator_b": patch_discriminator("affine norm"),
}


@pytest.mark.parametrize(
    ("name", "options", "published"),
    [
        (
            "munit",
            {},
            {f"autoencoder_{d}": MUNIT_AUTOENCODER for d in "ab"}
            | {f"discriminator_{d}": multi_scale(0.2) for d in "ab"},
        ),
        (
            "drit",
            {},
            DRIT_COMMON
            | {f"attribute_encoder_{d}": ATTRIBUTE_ENCODER for d in "ab"}
            | {"generator": residual(256) + 2 * CONCAT_DECODER},
        ),
        (
            "drit",
            {"concat": False},
            DRIT_COMMON
            | {f"attribute_encoder_{d}": STYLE_ENCODER for d in "ab"}
            | {"generator": ["same", *2 * FEATUREWISE_DECODER]},
        ),
        (
            "gcgan",
            {},
            {"generator": resnet("reflect", "norm")}
            | {name: patch_discriminator("norm") for name in ("discriminator", "discriminator_gc")},
        ),
        ("distancegan", {}, DISTANCE),
        ("selfdistance", {}, DISTANCE),
    ],
    ids=["munit", "drit", "drit-featurewise", "gcgan", "distancegan", "selfdistance"],
)
def test_layers_are_the_published_ones(name: str, options: dict[str, Any], published: dict[str, list[str]]) -> None:
    networks = paper_size(name, **options).networks
    assert networks.keys() == published.keys()
    for key, network in networks.items():
        assert layers(network) == published[key], key


@pytest.mark.parametrize(
    ("name", "network", "spread"),
    [
        *(("drit", network, 0.02) for network in ("content_encoder", "attribute_encoder_b", "generator")),
        *(("drit", network, 0.02) for network in ("discriminator_a", "discriminator_b2", "content_discriminator")),
        *(("distancegan", network, 0.02) for network in ("generator_ba", "discriminator_a", "discriminator_b")),
        *(("munit", network, 0.02) for network in ("discriminator_a", "discriminator_b")),
        *(("gcgan", network, None) for network in ("generator", "discriminator", "discriminator_gc")),
    ],
)
def test_convolutions_begin_with_the_published_spread(name: str, network: str, spread: float | None) -> None:
    """Normal with a deviation of 0.02, or Xavier's with a gain of 0.02, by kernel area times both widths."""
    torch.manual_seed(0)
    net = create(name, **(tiny_options(name) | {"ngf": 8, "ndf": 8, "n_blocks": 1})).networks[network]
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    for module in convolutions:
        weight = module.weight.detach()
        if weight.numel() > 1000:
            fans = weight[0, 0].numel() * (weight.shape[0] + weight.shape[1])
            assert float(weight.std()) == pytest.approx(spread or 0.02 * (2 / fans) ** 0.5, rel=0.1)
    biases = [float(m.bias.detach().abs().max()) for m in convolutions if m.bias is not None]
    assert not any(biases) if name == "munit" else all(biases)


@pytest.mark.parametrize("name", ["drit", "distancegan", "selfdistance", "gcgan"])
def test_biases_of_transposed_convolutions_are_as_wide_as_old_pytorch_drew_them(name: str) -> None:
    """These methods' codes keep the framework's biases, and date from before PyTorch 1.0 changed the biases' width."""
    torch.manual_seed(0)
    networks = create(name, **(tiny_options(name) | {"ngf": 32, "n_blocks": 1})).networks.values()
    layers = [m for net in networks for m in net.modules() if isinstance(m, nn.ConvTranspose2d) and m.out_channels > 9]
    assert layers
    for layer in layers:
        bound = (layer.in_channels * layer.weight[0, 0].numel()) ** -0.5
        assert layer.bias is not None
        assert 0.8 * bound < float(layer.bias.detach().abs().max()) <= bound


def test_an_adaptive_block_adds_two_convolutions_with_adaptive_norms_and_one_activation() -> None:
    torch.manual_seed(0)
    block, x, parameters = AdaptiveResidualBlock(3), torch.randn(1, 3, 6, 6), torch.randn(1, 12)
    shift1, scale1, shift2, scale2 = parameters[0].view(4, 3, 1, 1)

    def conv(layer: nn.Module, y: Tensor) -> Tensor:
        assert isinstance(layer, nn.Conv2d)
        return F.conv2d(F.pad(y, (1, 1, 1, 1), mode="reflect"), layer.weight, layer.bias)

    y = F.relu(scale1 * F.instance_norm(conv(block.first[1], x)) + shift1)
    torch.testing.assert_close(block(x, parameters), x + scale2 * F.instance_norm(conv(block.second[1], y)) + shift2)


def test_a_pooled_block_adds_its_shortcut() -> None:
    torch.manual_seed(0)
    block, x = PooledBlock(2, 3), torch.randn(1, 2, 6, 6)
    torch.testing.assert_close(block(x), block.body(x) + block.shortcut[1](F.avg_pool2d(x, 2)))
