"""MUNIT against the published layers, counts, loss weights and rates."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from enco.config.base import parse
from enco.data.images import to_uint8
from enco.errors import UserError
from enco.methods import create
from enco.methods.munit import Munit, make_autoencoder, make_discriminator, stretched, total_loss
from enco.methods.parts.schedule import Schedule
from enco.methods.parts.styles import styles_of
from enco.networks.layers.init import init_weights
from enco.networks.munit import AutoEncoder, LayerNorm, adaptive_instance_norm
from enco.options.munit import MunitOptions
from tests.support.tiny_methods import SIZE, images, tiny_method

ONE_TO_FOUR = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
TERMS = ("gan_ab", "gan_ba", "image_a", "image_b", "style_a", "style_b", "content_a", "content_b", "cycle_a", "cycle_b")


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def paper_size() -> Munit:
    """Make the method at full width, without memory for weights."""
    with torch.device("meta"):
        method = create("munit", device="meta")
    assert isinstance(method, Munit)
    return method


def tiny(**options: Any) -> Munit:
    method = tiny_method("munit", **options)
    assert isinstance(method, Munit)
    return method


class Constant(nn.Module):
    """A discriminator of three scales with one score for everything."""

    def __init__(self, score: float) -> None:
        super().__init__()
        self.score = score

    def forward(self, images: Tensor) -> list[Tensor]:
        return [torch.full((len(images), 1, side, side), self.score) for side in (4, 2, 1)]


def test_parameters_are_the_published_ones() -> None:
    method = paper_size()
    assert method.parameter_count() == 46_594_716
    assert {name: count(net) for name, net in method.networks.items()} == {
        "autoencoder_a": 15_026_187,
        "autoencoder_b": 15_026_187,
        "discriminator_a": 8_271_171,
        "discriminator_b": 8_271_171,
    }
    parts = {name: count(part) for name, part in method.a.named_children()}
    assert parts == {
        "style_encoder": 2_764_936,
        "content_encoder": 5_385_856,
        "decoder": 5_754_627,
        "mlp": 1_120_768,
    }
    assert [count(scale) for scale in method.d_a] == [2_757_057] * 3


def test_shapes_are_the_published_ones() -> None:
    method, image = paper_size(), torch.empty(1, 3, 256, 256, device="meta")
    contents, styles = method.a.encode(image)
    assert contents.shape == (1, 256, 64, 64)
    assert styles.shape == (1, 8)
    assert method.a.mlp(styles).shape == (1, 4096)
    assert method.b.decode(contents, styles).shape == image.shape
    assert [tuple(scores.shape) for scores in method.d_b(image)] == [(1, 1, 16, 16), (1, 1, 8, 8), (1, 1, 4, 4)]


def test_every_convolution_and_linear_layer_has_a_bias() -> None:
    for net in paper_size().networks.values():
        layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        assert all(layer.bias is not None for layer in layers)


def test_layer_norm_is_munits_own() -> None:
    norm = LayerNorm(1)
    nn.init.ones_(norm.gain)
    expected = torch.tensor([-1.161886, -0.387295, 0.387295, 1.161886])
    torch.testing.assert_close(norm(ONE_TO_FOUR).flatten(), expected, atol=1e-6, rtol=0)


def test_layer_norm_standardises_each_sample_over_all_channels() -> None:
    x, norm = torch.randn(2, 3, 4, 4), LayerNorm(3)
    nn.init.ones_(norm.gain)
    out = norm(torch.stack([x[0], 5 * x[1] + 7])).detach()
    torch.testing.assert_close(out.mean((1, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.std((1, 2, 3)), torch.ones(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(out[1], norm(x)[1], atol=1e-4, rtol=0)
    assert float(out[0].mean((1, 2)).abs().max()) > 1e-3


def test_layer_norm_gains_start_uniform_and_biases_at_zero() -> None:
    torch.manual_seed(0)
    norm = LayerNorm(4096)
    gain = norm.gain.detach()
    assert 0 <= float(gain.min()) < 0.01
    assert 0.99 < float(gain.max()) < 1
    assert float(gain.mean()) == pytest.approx(0.5, abs=0.02)
    assert not norm.bias.any()


def test_adaptive_instance_norm() -> None:
    out = adaptive_instance_norm(ONE_TO_FOUR, torch.tensor([[1.0, 2.0]]))
    expected = torch.tensor([-1.683271, 0.105577, 1.894424, 3.683271])
    torch.testing.assert_close(out.flatten(), expected, atol=1e-6, rtol=0)


def test_adaptive_instance_norm_takes_each_images_own_style() -> None:
    x, parameters = torch.randn(2, 3, 4, 4), torch.randn(2, 6)
    out = adaptive_instance_norm(x, parameters)
    torch.testing.assert_close(out.mean((2, 3)), parameters[:, :3], atol=1e-5, rtol=0)
    torch.testing.assert_close(out.std((2, 3), correction=0), parameters[:, 3:].abs(), atol=1e-4, rtol=1e-3)


def test_each_norm_owns_its_slice_of_the_style_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """In forward order: 256 shifts, 256 scales, and on to the next."""
    seen: list[Tensor] = []

    def record(x: Tensor, parameters: Tensor) -> Tensor:
        seen.append(parameters[0])
        return x

    monkeypatch.setattr("enco.networks.munit.adaptive_instance_norm", record)
    blocks = AutoEncoder(ngf=64, n_blocks=4).decoder.blocks
    shares = torch.arange(4096.0)[None].chunk(4, dim=1)
    for block, share in zip(blocks, shares, strict=True):
        block(torch.zeros(1, 256, 4, 4), share)
    assert [(int(p[0]), int(p[256]), len(p)) for p in seen] == [(512 * i, 512 * i + 256, 512) for i in range(8)]


def test_decoder_shares_out_the_parameters_in_forward_order(monkeypatch: pytest.MonkeyPatch) -> None:
    firsts: list[float] = []

    def record(x: Tensor, parameters: Tensor) -> Tensor:
        firsts.append(float(parameters[0, 0]))
        return x

    monkeypatch.setattr("enco.networks.munit.adaptive_instance_norm", record)
    decoder = AutoEncoder(ngf=2, n_blocks=3).decoder
    decoder(torch.zeros(1, 8, 4, 4), torch.arange(float(decoder.style_parameters))[None])
    assert firsts == [16.0 * i for i in range(6)]


def test_initial_weights_have_the_published_spread() -> None:
    torch.manual_seed(0)
    net, discriminator = make_autoencoder(MunitOptions(n_blocks=1)), make_discriminator(MunitOptions())
    assert float(net.content_encoder[1].weight.detach().std()) == pytest.approx(0.1166, rel=0.03)
    assert float(net.decoder.blocks[0].first[1].weight.detach().std()) == pytest.approx(0.0295, rel=0.03)
    assert float(net.mlp[2].weight.detach().std()) == pytest.approx((2 / 256) ** 0.5, rel=0.03)
    assert float(discriminator[0][1].weight.detach().std()) == pytest.approx(0.02, rel=0.03)
    for owner in (net, discriminator):
        assert not any(p.any() for name, p in owner.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize(
    ("score", "d_loss", "gan"), [(0.5, 1.5, 0.75), (0.0, 3.0, 3.0)], ids=["undecided", "says fake"]
)
def test_adversarial_losses_of_constant_discriminators(score: float, d_loss: float, gan: float) -> None:
    method = tiny()
    method.d_a = method.d_b = Constant(score)  # type: ignore[assignment]
    a, b = images(0).values()
    terms = method.discriminator_terms(a, b, b, a)
    for side in "ab":
        assert float(terms[f"d_{side}_real"] + terms[f"d_{side}_fake"]) == pytest.approx(d_loss)
    styles = torch.zeros(1, 8)
    terms = method.generator_terms(a, b, styles, styles)
    assert float(terms["gan_ab"]) == float(terms["gan_ba"]) == pytest.approx(gan)


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({}, (1, 10, 1, 1, 0)),
        ({"lambda_cycle": 10}, (1, 10, 1, 1, 10)),
        ({"lambda_gan": 2, "lambda_image": 3, "lambda_style": 4, "lambda_content": 5, "lambda_cycle": 6}, range(2, 7)),
    ],
)
def test_loss_weights(options: dict[str, float], weights: tuple[int, ...]) -> None:
    values = [float(2**power) for power in range(10)]
    terms = dict(zip(TERMS, map(torch.tensor, values), strict=True))
    expected = sum(w * (values[2 * i] + values[2 * i + 1]) for i, w in enumerate(weights))
    assert float(total_loss(terms, MunitOptions(**options))) == pytest.approx(expected)


def test_terms_are_those_of_the_paper() -> None:
    """Each term follows from the definition and the networks alone."""
    method, (a, b) = tiny(lambda_cycle=10), images(0).values()
    for discriminator in (method.d_a, method.d_b):
        init_weights(discriminator, "kaiming")  # for scores that differ, which are all near 0 at first
    style_a, style_b = torch.randn(2, 1, 8).unbind()
    with torch.no_grad():
        terms = method.generator_terms(a, b, style_a, style_b)
        content_a, content_b = method.a.content_encoder(a), method.b.content_encoder(b)
        own_a, own_b = (net.style_encoder(real).flatten(1) for net, real in ((method.a, a), (method.b, b)))
        fake_b, fake_a = method.b.decode(content_a, style_b), method.a.decode(content_b, style_a)
        expected = {
            "image_a": method.a.decode(content_a, own_a) - a,
            "image_b": method.b.decode(content_b, own_b) - b,
            "style_a": method.a.encode(fake_a)[1] - style_a,
            "style_b": method.b.encode(fake_b)[1] - style_b,
            "content_a": method.b.encode(fake_b)[0] - content_a,
            "content_b": method.a.encode(fake_a)[0] - content_b,
            "cycle_a": method.a.decode(method.b.encode(fake_b)[0], own_a) - a,
            "cycle_b": method.b.decode(method.a.encode(fake_a)[0], own_b) - b,
        }
        gan_ab = sum((scores - 1).square().mean() for scores in method.d_b(fake_b))
        gan_ba = sum((scores - 1).square().mean() for scores in method.d_a(fake_a))
    assert set(terms) == set(TERMS) == {*expected, "gan_ab", "gan_ba"}
    for name, difference in expected.items():
        assert float(terms[name]) == pytest.approx(float(difference.abs().mean()), rel=1e-4), name
    assert float(terms["gan_ab"]) == pytest.approx(float(gan_ab), rel=1e-4)
    assert float(terms["gan_ba"]) == pytest.approx(float(gan_ba), rel=1e-4)


def test_no_cycle_is_computed_without_a_weight() -> None:
    assert "cycle_a" not in tiny().step(images(0))
    assert "cycle_a" in tiny(lambda_cycle=10).step(images(0))


def test_content_loss_pulls_at_both_encodings() -> None:
    """A's content encoder is reached only as the target, once the decoded path is cut."""
    method, (a, b) = tiny(), images(0).values()
    decode = method.b.decode
    method.b.decode = lambda contents, styles: decode(contents, styles).detach()  # type: ignore[method-assign]
    terms = method.generator_terms(a, b, torch.randn(1, 8), torch.randn(1, 8))
    target, again = method.a.content_encoder[1].weight, method.b.content_encoder[1].weight
    gradients = torch.autograd.grad(terms["content_a"], [target, again])
    assert all(bool(gradient.any()) for gradient in gradients)


def test_discriminators_learn_first_and_from_their_own_styles_only() -> None:
    """After a step discriminators have the weights that their own loss, without a factor 1/2, alone leads to."""
    whole, alone = tiny(), tiny()
    a, b = images(0).values()
    torch.manual_seed(7)
    terms = whole.step({"source": a, "target": b})
    torch.manual_seed(7)
    fake_a, fake_b = alone.translations(a, b)
    assert not fake_a.requires_grad
    loss = torch.zeros(())
    for net, real, fake in ((alone.d_a, a, fake_a), (alone.d_b, b, fake_b)):
        for real_scores, fake_scores in zip(net(real), net(fake), strict=True):
            loss = loss + (real_scores - 1).square().mean() + fake_scores.square().mean()
    loss.backward()
    alone.optimizers["discriminators"].step()
    for name in ("discriminator_a", "discriminator_b"):
        pairs = zip(alone.networks[name].parameters(), whole.networks[name].parameters(), strict=True)
        for ours, theirs in pairs:
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-3)
            torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-6, rtol=1e-4)
    with torch.no_grad():
        fresh = alone.generator_terms(a, b, alone.random_styles(1), alone.random_styles(1))
    assert float(fresh["gan_ab"]) == pytest.approx(float(terms["gan_ab"]), rel=1e-4)
    assert float(fresh["style_a"]) == pytest.approx(float(terms["style_a"]), rel=1e-4)


def test_adams_have_the_published_settings() -> None:
    for optimizer in tiny().optimizers.values():
        (group,) = optimizer.param_groups
        assert (group["initial_lr"], group["betas"], group["weight_decay"]) == (1e-4, (0.5, 0.999), 1e-4)


@pytest.mark.parametrize(
    ("iteration", "rate"),
    [
        (0, 1e-4),
        (99_998, 1e-4),
        (99_999, 5e-5),
        (199_999, 2.5e-5),
        (499_999, 3.125e-6),
        (999_998, 1.953125e-7),
    ],
)
def test_learning_rates_go_by_the_iteration(iteration: int, rate: float) -> None:
    method = tiny()
    method.iteration = iteration - 1
    method.end_step()  # of the one before
    assert [optimizer.param_groups[0]["lr"] for optimizer in method.optimizers.values()] == pytest.approx([rate] * 2)
    method.step(images(0))
    assert method.iteration == iteration + 1


def test_a_warm_up_raises_the_rates_and_a_decay_does_not_lower_them() -> None:
    method = tiny(lr_step=3)
    method.schedule = Schedule(2, 2, warmup=2)
    assert [method.lr_factor(epoch) for epoch in (1, 2, 4)] == [0.5, 1, 1]
    method.iteration = 2
    assert [method.lr_factor(epoch) for epoch in (1, 2, 4)] == [0.25, 0.5, 0.5]


def test_steps_count_towards_the_learning_rate_and_survive_a_checkpoint() -> None:
    method, other = tiny(lr_step=3), tiny(lr_step=3)
    rates = []
    for step in range(3):
        rates.append(method.optimizers["autoencoders"].param_groups[0]["lr"])
        method.step(images(step))
    assert rates == [1e-4, 1e-4, 5e-5]
    other.load_state_dict(method.state_dict())
    assert other.iteration == 3
    assert other.lr_factor(1) == 0.5


def test_an_image_has_its_style_whatever_its_batch() -> None:
    method, batch = tiny(), images(0, batch_size=3)["source"]
    together = method.translate(batch)
    torch.testing.assert_close(method.translate(batch[1:2]), together[1:2], atol=1e-5, rtol=1e-4)
    random = torch.get_rng_state()
    assert torch.equal(method.translate(batch), together)
    assert torch.equal(torch.get_rng_state(), random)


def test_another_style_seed_gives_another_translation() -> None:
    source = images(0)["source"]
    first, second = (tiny(style_seed=seed).translate(source) for seed in (0, 1))
    assert float((first - second).abs().mean()) > 1e-3


def test_a_translation_has_the_sources_content_and_a_style_of_the_target() -> None:
    method, source = tiny(), images(0)["source"]
    for way, (encoder, decoder) in {"forward": (method.a, method.b), "backward": (method.b, method.a)}.items():
        with torch.no_grad():
            expected = decoder.decode(encoder.content_encoder(source), styles_of(source, 8))
        assert torch.equal(method.translate(source, way), expected)  # type: ignore[arg-type]


def test_stretched_images_fill_the_range_each_on_its_own() -> None:
    pixels = torch.tensor([0.2, 0.4, 0.6, 0.7]) * 2 - 1
    batch = torch.stack([pixels, pixels / 2]).view(2, 1, 2, 2)
    expected = torch.tensor([0, 0.4, 0.8, 1]) * 2 - 1
    torch.testing.assert_close(stretched(batch), expected.expand(2, 4).reshape(2, 1, 2, 2))


def test_stretching_is_off_unless_asked_for() -> None:
    source = images(0)["source"]
    plain, full = (to_uint8(tiny(stretch=stretch).translate(source)) for stretch in (False, True))
    assert (full.min(), full.max()) == (0, 255)
    assert plain.max() < 255


def test_data_are_prepared_as_in_the_original() -> None:
    options = MunitOptions()
    assert (options.load_size, options.crop_size, options.resize) == (256, 256, "shorter")
    assert (options.interpolation, options.flip, options.jitter_in_decay) == ("bilinear", True, True)
    assert (options.batch_size, options.max_iterations) == (1, 1_000_000)


def test_too_many_scales_for_the_crop_are_refused() -> None:
    with pytest.raises(UserError, match="n_scales 3 needs a crop_size of 61, not 32: lower n_scales to 2"):
        parse(MunitOptions, {"crop_size": SIZE}, "options of method munit")
    assert MunitOptions(crop_size=64).n_scales == 3


@pytest.mark.parametrize(
    ("size", "offline_options"), [(256, {}), (64, {}), (60, {"n_scales": 2}), (24, {"n_scales": 1})]
)
def test_small_images_get_fewer_scales(size: int, offline_options: dict[str, int]) -> None:
    assert MunitOptions.offline_options(size) == offline_options
    assert MunitOptions(crop_size=size, **offline_options)


def test_the_adversarial_weight_is_the_discriminators_too() -> None:
    """Adam's first moments after one step are half of the gradients: linear in the weight."""
    moments = []
    for weight in (1.0, 3.0):
        method = tiny(lambda_gan=weight, weight_decay=0.0)
        method.step(images(0))
        moments.append([state["exp_avg"] for state in method.optimizers["discriminators"].state.values()])
    for one, three in zip(*moments, strict=True):
        torch.testing.assert_close(three, 3 * one)
