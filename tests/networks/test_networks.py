"""Shapes, counts and fixed filters of the building blocks, against the published networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from enco.errors import UserError
from enco.networks.discriminator import PatchDiscriminator
from enco.networks.generator import ResnetGenerator, feature_shapes
from enco.networks.heads import PairHead, ProjectionHead, batchnorm_projector, l2_normalize
from enco.networks.layers.blur import BlurDown, BlurUp
from enco.networks.layers.init import init_weights
from enco.networks.layers.padding import ReflectionPad

ARCHS = ("antialiased", "mixed", "strided")
MODULES = {"antialiased": 32, "mixed": 30, "strided": 28}


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def rows(values: list[float], height: int = 8) -> Tensor:
    return torch.tensor(values).expand(1, 1, height, -1).clone()


@pytest.mark.parametrize("arch", ARCHS)
def test_generator_has_the_published_modules_and_parameters(arch: str) -> None:
    with torch.device("meta"):
        generator = ResnetGenerator(arch=arch)
    assert len(generator) == MODULES[arch]
    assert count(generator) == 11_378_179
    assert generator(torch.empty(1, 3, 256, 256, device="meta")).shape == (1, 3, 256, 256)


def test_feature_shapes_are_the_published_ones() -> None:
    with torch.device("meta"):
        generator = ResnetGenerator()
    expected = {
        0: (3, 262, 262),
        3: (64, 256, 256),
        4: (128, 256, 256),
        7: (128, 128, 128),
        8: (256, 128, 128),
        12: (256, 64, 64),
        13: (256, 64, 64),
        16: (256, 64, 64),
        18: (256, 64, 64),
        21: (256, 128, 128),
        24: (128, 128, 128),
        28: (64, 256, 256),
        29: (64, 262, 262),
        31: (3, 256, 256),
    }
    assert feature_shapes(generator, expected.keys(), 256) == expected


def test_unknown_tap_names_the_valid_ones() -> None:
    with pytest.raises(UserError, match="tap 28 does not exist: choose among modules 0 to 27"):
        feature_shapes(ResnetGenerator(4, 9, "strided"), [28], 32)


@pytest.mark.parametrize("arch", ARCHS)
def test_every_tap_is_its_modules_own_output(arch: str) -> None:
    generator = ResnetGenerator(4, 2, arch)
    image = torch.randn(1, 3, 16, 16)
    output, features = generator.forward_features(image, range(len(generator)))
    assert torch.equal(output, generator(image))
    x = image
    for index, layer in enumerate(generator):
        x = layer(x)
        assert torch.equal(features[index], x), index


def test_encode_gives_the_same_features_and_stops_after_the_last() -> None:
    generator = ResnetGenerator(4, 2)
    reached = []
    for index, layer in enumerate(generator):
        layer.register_forward_hook(lambda *_, index=index: reached.append(index))
    image = torch.randn(1, 3, 16, 16)
    encoded = generator.encode(image, (4, 8))
    assert reached == list(range(9))
    assert encoded.keys() == {4, 8}
    whole = generator.forward_features(image, (4, 8))[1]
    assert all(torch.equal(encoded[tap], whole[tap]) for tap in (4, 8))


def test_a_batch_is_translated_image_by_image() -> None:
    generator = ResnetGenerator(4, 2)
    images = torch.randn(3, 3, 16, 16)
    together = generator(images)
    alone = torch.cat([generator(image[None]) for image in images])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("antialiased", [True, False])
def test_discriminator_has_the_published_size(antialiased: bool) -> None:
    with torch.device("meta"):
        discriminator = PatchDiscriminator(antialiased=antialiased)
    assert count(discriminator) == 2_764_737
    assert discriminator(torch.empty(1, 3, 256, 256, device="meta")).shape == (1, 1, 30, 30)


@pytest.mark.parametrize(("antialiased", "pixels"), [(True, 84), (False, 70)])
def test_discriminator_receptive_field(antialiased: bool, pixels: int) -> None:
    discriminator = PatchDiscriminator(2, antialiased)
    # Instance norm sees the whole image; the field is that of the convolutions.
    convolutions = nn.Sequential(*(layer for layer in discriminator if not isinstance(layer, nn.InstanceNorm2d)))
    for parameter in convolutions.parameters():
        nn.init.constant_(parameter, 0.1)
    image = torch.ones(1, 3, 256, 256, requires_grad=True)
    scores = convolutions(image)
    (gradient,) = torch.autograd.grad(scores[0, 0, 15, 15], image)
    seen = gradient[0, 0].abs() > 0
    assert int(seen.any(0).sum()) == int(seen.any(1).sum()) == pixels


def test_blur_kernels_are_neither_trained_nor_stored() -> None:
    assert not BlurDown().state_dict()
    assert count(BlurDown()) == 0


def test_blur_down_of_a_ramp() -> None:
    assert BlurDown()(rows([float(i) for i in range(8)]))[0, 0, 0].tolist() == [0.5, 2, 4, 6]


def test_blur_down_of_impulses() -> None:
    inner, edge = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    inner[..., 4, 4] = edge[..., 0, 1] = 1
    expected = torch.zeros(4, 4)
    expected[2, 2] = 0.25
    assert torch.equal(BlurDown()(inner)[0, 0], expected)
    expected = torch.zeros(4, 4)
    expected[0, :2] = torch.tensor([0.25, 0.125])
    assert torch.equal(BlurDown()(edge)[0, 0], expected)


def test_blur_up_of_a_step() -> None:
    assert BlurUp()(rows([0.0, 4.0], 2))[0, 0, 0].tolist() == [0, 1, 3, 4]


def test_blur_up_is_the_transposed_filter_of_the_cut_code() -> None:
    x = torch.randn(2, 3, 5, 6)
    row = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = (torch.outer(row, row) / 16).expand(3, 1, 4, 4)
    padded = nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")
    filtered = nn.functional.conv_transpose2d(padded, kernel, stride=2, padding=2, groups=3)[..., 1:-1, 1:-1]
    torch.testing.assert_close(BlurUp()(x), filtered, atol=1e-6, rtol=0)


@pytest.mark.parametrize("layer", [BlurDown(), BlurUp()])
def test_blurs_preserve_constants_to_the_border(layer: nn.Module) -> None:
    out = layer(torch.full((1, 2, 8, 8), 0.75))
    assert torch.equal(out, torch.full_like(out, 0.75))


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_padding_reflects_and_has_the_gradient_of_pytorchs(width: int, layout: torch.memory_format) -> None:
    ours = torch.randn(2, 3, 4, 7, dtype=torch.double).to(memory_format=layout).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    weights = torch.randn(2, 3, 4 + 2 * width, 7 + 2 * width, dtype=torch.double)
    padded, wanted = ReflectionPad(width)(ours), nn.ReflectionPad2d(width)(theirs)
    assert torch.equal(padded, wanted)
    assert padded.is_contiguous(memory_format=layout)
    (padded * weights).sum().backward()
    (wanted * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_the_gradient_of_padding_needs_no_kernel_that_is_not_deterministic_on_a_gpu() -> None:
    from torch.profiler import profile

    x = torch.randn(1, 2, 8, 8, requires_grad=True)
    with profile() as made:
        ReflectionPad(3)(x).sum().backward()
    names = {event.key for event in made.key_averages()}
    assert "aten::reflection_pad2d" in names
    assert "aten::reflection_pad2d_backward" not in names


@pytest.mark.parametrize(("kind", "first", "inner"), [("xavier", 4.94e-4, 4.17e-4), ("normal", 0.02, 0.02)])
def test_initial_weights_have_the_published_spread(kind: str, first: float, inner: float) -> None:
    torch.manual_seed(0)
    generator = init_weights(ResnetGenerator(n_blocks=1), kind)
    assert float(generator[1].weight.detach().std()) == pytest.approx(first, rel=0.03)
    assert float(generator[12].body[1].weight.detach().std()) == pytest.approx(inner, rel=0.03)
    assert all(not p.any() for name, p in generator.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize("arch", ARCHS)
def test_a_black_image_stays_black_and_scores_zero_at_initialisation(arch: str) -> None:
    zero = torch.zeros(1, 3, 32, 32)
    assert not init_weights(ResnetGenerator(4, 2, arch), "xavier")(zero).any()
    assert not init_weights(PatchDiscriminator(4, arch == "antialiased"), "xavier")(zero).any()


@pytest.mark.parametrize(("channels", "parameters"), [(3, 66_816), (64, 82_432), (128, 98_816), (256, 131_584)])
def test_projection_head_sizes(channels: int, parameters: int) -> None:
    assert count(ProjectionHead(channels)) == parameters
    # The batch norm's scale and shift replace the two missing biases.
    assert count(batchnorm_projector(channels)) == parameters


def test_l2_normalize() -> None:
    torch.testing.assert_close(l2_normalize(torch.tensor([3.0, 4.0])), torch.tensor([0.6, 0.8]))


def test_a_zero_vector_stays_zero_with_a_finite_gradient() -> None:
    vectors = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    unit = l2_normalize(vectors)
    assert not unit[0].any()
    unit.sum().backward()
    assert vectors.grad is not None
    assert torch.equal(vectors.grad[0], torch.zeros(2))
    assert vectors.grad[1].any()


def test_shared_and_separate_pair_heads() -> None:
    cells = torch.randn(5, 8)
    shared = PairHead(lambda: ProjectionHead(8, 4), shared=True)
    assert torch.equal(shared.key(cells), shared.query(cells))
    separate = PairHead(lambda: ProjectionHead(8, 4), shared=False)
    assert not torch.equal(separate.key(cells), separate.query(cells))
    assert count(separate) == 2 * count(shared)
