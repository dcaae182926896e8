"""DRIT's networks against the published layers, counts and shapes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from enco.config.base import parse
from enco.errors import UserError
from enco.methods import create
from enco.methods.drit import Drit, initialised
from enco.networks.drit import (
    DOMAINS,
    AttributeBlock,
    ContentDiscriminator,
    ContentEncoder,
    Generator,
    PooledBlock,
    append_code,
)
from enco.options.drit import DritOptions
from enco.options.sizes import most_content_layers, smallest_content_side
from tests.support.tiny_methods import tiny_method


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def paper_size(**options: Any) -> Drit:
    """Make the method at full width, without memory for weights."""
    with torch.device("meta"):
        method = create("drit", device="meta", **options)
    assert isinstance(method, Drit)
    return method


@pytest.mark.parametrize(
    ("concat", "total", "attribute_encoder", "generator"),
    [(True, 65_039_315, 1_344_080, 9_564_710), (False, 75_462_691, 2_764_936, 17_146_374)],
)
def test_parameters_are_the_published_ones(concat: bool, total: int, attribute_encoder: int, generator: int) -> None:
    method = paper_size(concat=concat)
    assert method.parameter_count() == total
    assert {name: count(net) for name, net in method.networks.items()} == {
        "content_encoder": 9_018_112,
        "attribute_encoder_a": attribute_encoder,
        "attribute_encoder_b": attribute_encoder,
        "generator": generator,
        **{f"discriminator_{name}": 8_271_171 for name in ("a", "b", "a2", "b2")},
        "content_discriminator": 10_683_649,
    }
    assert count(method.content_encoder.backbones["a"]) == 3_918_976
    assert count(method.content_encoder.shared) == 1_180_160
    assert count(method.generator.shared) == (1_180_160 if concat else 0)


@pytest.mark.parametrize("concat", [True, False])
@pytest.mark.parametrize(
    ("side", "scores", "content_scores"), [(216, (13, 6, 3), 1), (256, (16, 8, 4), 2), (212, (13, 6, 3), 1)]
)
def test_shapes_are_the_published_ones(concat: bool, side: int, scores: tuple[int, ...], content_scores: int) -> None:
    method, image = paper_size(concat=concat), torch.empty(2, 3, side, side, device="meta")
    content = method.content_encoder(image, "a")
    assert content.shape == (2, 256, side // 4, side // 4)
    attribute = method.attribute(image, "b")
    assert attribute.mean.shape == (2, 8)
    assert method.generator(content, attribute.mean, "b").shape == image.shape
    assert [tuple(s.shape) for s in method.discriminators["a"](image)] == [(2, 1, n, n) for n in scores]
    assert method.content_discriminator(content).shape == (2, 1, content_scores, content_scores)


def test_an_attribute_encoders_odd_maps_are_halved_downwards() -> None:
    assert PooledBlock(4, 6)(torch.zeros(1, 4, 27, 27)).shape == (1, 6, 13, 13)


@pytest.mark.parametrize(("layers", "side"), [(0, 13), (1, 41), (2, 97), (3, 209)])
def test_content_discriminators_work_from_their_smallest_side_on(layers: int, side: int) -> None:
    assert smallest_content_side(layers) == side
    assert most_content_layers(side, limit=3) == most_content_layers(side + 1, limit=layers) == layers
    assert most_content_layers(8, limit=3) == 0
    encoder, discriminator = ContentEncoder(1, 1), ContentDiscriminator(4, 2, layers)
    assert discriminator(encoder(torch.zeros(1, 3, side, side), "a")).shape == (1, 1, 1, 1)
    with pytest.raises(RuntimeError):
        discriminator(encoder(torch.zeros(1, 3, side - 1, side - 1), "a"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop_size": 64}, "content_d_layers 3 needs a crop_size of 209, not 64: lower content_d_layers to 1"),
        ({"crop_size": 60, "content_d_layers": 1}, "n_scales 3 needs a crop_size of 61, not 60: lower n_scales to 2"),
        ({"batch_size": 1}, "Invalid setting 'batch_size' .* greater than or equal to 2"),
    ],
)
def test_what_does_not_fit_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse(DritOptions, options, "options of method drit")


@pytest.mark.parametrize(
    ("size", "offline_options"),
    [
        *((256, {}), (216, {}), (128, {"content_d_layers": 2, "test_size": 128})),
        (24, {"n_scales": 1, "content_d_layers": 0, "test_size": 24}),
    ],
)
def test_small_images_get_smaller_discriminators_and_test_images(size: int, offline_options: dict[str, int]) -> None:
    assert DritOptions.offline_options(size) == offline_options
    assert DritOptions(crop_size=size, load_size=size, **offline_options).test_side == max(
        size, offline_options.get("test_size", 256)
    )


def test_a_decoders_layer_norm_is_over_the_whole_map_with_gains_by_channel() -> None:
    method = paper_size()
    norms = [module for module in method.generator.modules() if isinstance(module, nn.GroupNorm)]
    assert [(norm.num_groups, norm.num_channels) for norm in norms] == [(1, 136), (1, 72)] * 2
    found = nn.GroupNorm(1, 1)(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    expected = torch.tensor([-1.341635, -0.447212, 0.447212, 1.341635])
    torch.testing.assert_close(found.flatten(), expected, atol=1e-6, rtol=0)


def test_only_contents_and_decoders_are_normalised() -> None:
    method = paper_size()
    for name, network in method.networks.items():
        has_norm = any(isinstance(module, nn.InstanceNorm2d | nn.GroupNorm) for module in network.modules())
        assert has_norm == (name in method.translators), name


def test_initial_convolutions_are_normal_and_all_else_is_pytorchs() -> None:
    method = tiny_method("drit", ngf=16)
    assert isinstance(method, Drit)
    conv, linear = method.attribute_encoders["a"].body[1], method.attribute_encoders["a"].mean
    inner = method.content_encoder.shared.body[1]
    assert float(inner.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
    assert conv.bias.detach().abs().max() > 0
    bound = linear.in_features**-0.5
    assert float(linear.weight.detach().abs().max()) == pytest.approx(bound, rel=0.05)


@pytest.mark.parametrize(
    ("concat", "inputs"), [(True, {"3x3": (272, 144), "1x1": (80,)}), (False, {"3x3": (256, 128), "1x1": (64,)})]
)
def test_decoders_biases_are_as_wide_as_the_authors_pytorch_drew_them(
    concat: bool, inputs: dict[str, tuple[int, ...]]
) -> None:
    """Up to 1 / sqrt(input channels x kernel area), as of PyTorch 0.4; later versions take the output channels."""
    torch.manual_seed(0)
    decoders = [initialised(Generator(n_blocks=1, concat=concat)) for _ in range(10)]
    ups = [[m for m in net.decoders["a"].modules() if isinstance(m, nn.ConvTranspose2d)] for net in decoders]
    bounds = [1 / (width * 9) ** 0.5 for width in inputs["3x3"]] + [1 / inputs["1x1"][0] ** 0.5]
    for layers, bound in zip(zip(*ups, strict=True), bounds, strict=True):
        widest = max(float(layer.bias.detach().abs().max()) for layer in layers)
        assert 0.85 * bound < widest <= bound


def test_domains_share_the_last_block_of_the_encoder_and_the_first_of_the_decoder() -> None:
    encoder, generator = ContentEncoder(2, 1), Generator(2, 1, dim=2)
    for domain in DOMAINS:
        encoder.zero_grad()
        generator.zero_grad()
        content = encoder(torch.randn(1, 3, 16, 16), domain)
        generator(content, torch.randn(1, 2), domain).square().sum().backward()
        for network in (encoder, generator):
            learns = {name.split(".")[0:2][-1] for name, p in network.named_parameters() if p.grad is not None}
            assert learns == {"body", domain}


def test_a_code_is_repeated_at_every_position() -> None:
    found = append_code(torch.zeros(2, 3, 4, 5), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert found.shape == (2, 5, 4, 5)
    assert torch.equal(found[1, 4], torch.full((4, 5), 4.0))
    assert not found[:, :3].any()


def test_an_attribute_block_only_adds() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 4, 8, 8)
    added = AttributeBlock(4)(x, torch.randn(1, 4)) - x
    assert added.min() >= 0
    assert added.max() > 0
