"""DistanceGAN and SelfDistance against the published numbers: distances, statistics, networks, order and rates."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from enco.config.run import DataConfig
from enco.errors import UserError
from enco.losses.distance import Statistics, distance_loss, half_distance, item_distances, pair_distances
from enco.methods import create, distancegan
from enco.methods.distancegan import DistanceGan
from enco.methods.parts import adversarial
from enco.methods.parts.generator_file import load_generator, save_generator
from enco.methods.parts.schedule import Schedule
from enco.networks.domains import OPPOSITE
from enco.options.distancegan import DistanceGanOptions
from enco.options.selfdistance import SelfDistanceOptions
from enco.training.samples import Samples
from tests.support.tiny_methods import batch_for, images, tiny_method, tiny_options

both_methods = pytest.mark.parametrize("name", ["distancegan", "selfdistance"])
A, B = Statistics(0.3, 0.1), Statistics(0.6, 0.2)


def constant(*values: float) -> Tensor:
    """Make one constant image for each value."""
    return torch.tensor([float(value) for value in values])[:, None, None, None].expand(-1, 3, 4, 4)


def halves(first: float, second: float, dim: int = -2) -> Tensor:
    """Make an image with two constant halves, top and bottom or left and right."""
    return torch.cat([torch.full((1, 3, 4, 4), first), torch.full((1, 3, 4, 4), second)], dim)


def tiny(name: str = "distancegan", **options: Any) -> DistanceGan:
    method = tiny_method(name, **options)
    assert isinstance(method, DistanceGan)
    return method


@pytest.mark.parametrize(
    ("x", "g", "source", "target", "loss"),
    [
        ((0, 0.4), (0, 0.5), A, B, 1.5),
        ((0, 0.8), (0, 0.3), B, A, 1.0),
        ((0, 0.4), (0, 0.5), Statistics(), Statistics(), 0.1),
        ((0, 0.8), (0, 0.3), Statistics(), Statistics(), 0.5),
        ((0, 0.4, 1.0), (0, 0.5, 0.5), A, B, 5.0),
    ],
)
def test_pair_losses_are_the_published_ones(
    x: tuple[float, ...], g: tuple[float, ...], source: Statistics, target: Statistics, loss: float
) -> None:
    before, after = pair_distances(constant(*x)), pair_distances(constant(*g))
    assert float(distance_loss(before, after, source, target)) == pytest.approx(loss, abs=1e-6)


def test_self_distance_losses_are_the_published_ones() -> None:
    before, after = half_distance(halves(0.2, -0.2)), half_distance(halves(0.25, -0.25))
    assert float(distance_loss(before, after, A, B)) == pytest.approx(1.5, abs=1e-6)
    sideways = half_distance(halves(0.2, -0.2, dim=-1))
    assert float(sideways) == 0
    assert float(distance_loss(sideways, sideways, A, B)) == pytest.approx(0, abs=1e-6)
    assert float(half_distance(halves(0.2, -0.2, dim=-1), "width")) == pytest.approx(0.4)


def test_self_distances_of_a_batch_are_averaged_before_they_are_compared() -> None:
    x = torch.cat([halves(0.2, -0.2), halves(0.1, -0.1)])
    assert float(distance_loss(half_distance(x), half_distance(x.flip(0)), A, A)) == 0


def test_a_middle_row_is_in_neither_half() -> None:
    image = torch.tensor([0.0, 5.0, 1.0])[:, None].expand(1, 3, 3, 4)
    assert float(half_distance(image)) == 1


@pytest.mark.parametrize(
    ("items", "mean", "deviation"),
    [
        ([constant(0), constant(1), constant(3)], 2, 0.816497),
        ([constant(0, 1), constant(2, 5), constant(4, 4)], 2.666667, 0.849837),
    ],
)
def test_statistics_of_pairs_are_the_published_ones(items: list[Tensor], mean: float, deviation: float) -> None:
    found = Statistics.of(item_distances(items), "source")
    assert (found.mean, found.deviation) == (pytest.approx(mean, abs=1e-6), pytest.approx(deviation, abs=1e-6))


def test_statistics_of_halves_are_the_published_ones() -> None:
    batches = [{"source": x, "target": 2 * x} for x in (halves(0.2, -0.2), halves(0.5, -0.5))]
    method = tiny("selfdistance")
    method.calibrate(batches)
    assert method.statistics["a"] == Statistics(pytest.approx(0.7), pytest.approx(0.3))
    assert method.statistics["b"] == Statistics(pytest.approx(1.4), pytest.approx(0.6))


@given(st.integers(2, 6), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_both_ways_to_measure_pairs_agree_and_normalise_to_mean_0_and_deviation_1(count: int, seed: int) -> None:
    batch = torch.rand(count, 3, 5, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    distances = pair_distances(batch)
    torch.testing.assert_close(item_distances(list(batch)), distances)
    assert len(distances) == math.comb(count, 2)
    if count > 2:
        normal = Statistics.of(distances, "source").normalize(distances)
        assert float(normal.mean()) == pytest.approx(0, abs=1e-9)
        assert float(normal.std(correction=0)) == pytest.approx(1)


def test_calibrate_takes_no_more_batches_than_asked() -> None:
    method = tiny(max_items=3)
    batches = [batch_for(method, seed) for seed in range(6)]
    method.calibrate(batches)
    measured = item_distances([batch["target"] for batch in batches[:3]])
    assert method.statistics["b"] == Statistics.of(measured, "target")


@both_methods
def test_domains_whose_distances_are_all_alike_are_refused(name: str) -> None:
    method = tiny(name)
    alike, others = batch_for(method, 0), batch_for(method, 1)
    with pytest.raises(UserError, match=r"source domain's .* do not differ.*'normalize' to false"):
        method.calibrate([alike] * 3)
    with pytest.raises(UserError, match="target domain's"):
        sources = (alike["source"], others["source"], 2 * alike["source"])
        method.calibrate([{"source": source, "target": alike["target"]} for source in sources])


@both_methods
def test_training_needs_the_statistics(name: str) -> None:
    method = create(name, **tiny_options(name))
    with pytest.raises(UserError, match=r"call calibrate\(batches\) first, or set the option 'normalize' to false"):
        method.step(batch_for(method, 0))
    resumed = create(name, **tiny_options(name))
    resumed.load_state_dict(method.state_dict())
    with pytest.raises(UserError, match="call calibrate"):
        resumed.step(batch_for(method, 0))


def test_a_batch_of_one_has_no_distances() -> None:
    with pytest.raises(UserError, match="at least 2 of each domain, not 1: give images_per_step"):
        tiny().step(images(0))


@both_methods
def test_without_normalisation_nothing_is_measured(name: str) -> None:
    assert tiny(name, normalize=False).statistics == {"a": Statistics(), "b": Statistics()}


@both_methods
def test_parameters_are_the_published_ones(name: str) -> None:
    with torch.device("meta"):
        method = create(name, device="meta")
        forward = create(name, device="meta", directions="forward")
    counts = {key: sum(p.numel() for p in net.parameters()) for key, net in method.networks.items()}
    generators = dict.fromkeys(("generator_ab", "generator_ba"), 11_388_675)
    assert counts == generators | dict.fromkeys(("discriminator_b", "discriminator_a"), 2_766_529)
    assert method.parameter_count() == 28_310_408
    assert forward.parameter_count() == 14_155_204


@pytest.mark.parametrize(("side", "scores"), [(256, 30), (128, 14)])
def test_shapes_are_the_published_ones(side: int, scores: int) -> None:
    with torch.device("meta"):
        generator, discriminator = (
            make(DistanceGanOptions()) for make in (distancegan.make_generator, distancegan.make_discriminator)
        )
        image = torch.empty(1, 3, side, side)
        assert generator(image).shape == image.shape
        assert discriminator(image).shape == (1, 1, scores, scores)


def test_initialisation() -> None:
    torch.manual_seed(0)
    generator = distancegan.make_generator(DistanceGanOptions(n_blocks=1))
    convolution, norm = generator[1], generator[2]
    assert float(convolution.weight.detach().std()) == pytest.approx(0.02, rel=0.03)
    assert float(convolution.bias.detach().abs().max()) == pytest.approx(1 / math.sqrt(3 * 7 * 7), rel=0.1)
    assert float(norm.weight.detach().mean()) == pytest.approx(1, abs=0.01)
    assert float(norm.weight.detach().std()) == pytest.approx(0.02, rel=0.3)
    assert not norm.bias.any()


def test_images_are_padded_with_zeros() -> None:
    generator = distancegan.make_generator(DistanceGanOptions(ngf=4, n_blocks=1))
    padded = generator[0](torch.ones(1, 3, 4, 4))
    assert padded.shape == (1, 3, 10, 10)
    assert float(padded.sum()) == 3 * 16


@pytest.mark.parametrize(
    ("epoch", "rate"), [(1, 2e-4), (100, 2e-4), (101, 2e-4), (102, 1.98e-4), (150, 1.02e-4), (199, 4e-6), (200, 2e-6)]
)
def test_rates_are_the_published_ones(epoch: int, rate: float) -> None:
    method = create("distancegan", ngf=4, ndf=4, n_blocks=1, schedule=Schedule(100, 100))
    method.begin_epoch(epoch)
    rates = [group["lr"] for optimizer in method.optimizers.values() for group in optimizer.param_groups]
    assert rates == pytest.approx([rate] * 3)


@both_methods
def test_each_direction_is_translated_by_its_own_generator(name: str) -> None:
    method, source = tiny(name), images(0)["source"]
    for way, domain in (("forward", "b"), ("backward", "a")):
        assert torch.equal(method.translate(source, way), method.generators[domain](source))  # type: ignore[arg-type]


@both_methods
def test_discriminators_minimise_half_of_both_terms_of_the_real_images(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The networks are as before a step, and the fakes are the generators' own images."""
    method, before = tiny(name, pool_size=0), tiny(name, pool_size=0)
    losses: list[float] = []
    monkeypatch.setattr(adversarial, "minimize", lambda loss, *given: losses.append(float(loss.detach())))
    a, b = (batch := images(0, 2)).values()
    terms = method.step(batch)
    for loss, (domain, real, source) in zip(losses, (("b", b, a), ("a", a, b)), strict=True):
        d, fake = before.discriminators[domain], before.generators[domain](source)
        with torch.no_grad():
            on_real, on_fake = float(((d(real) - 1) ** 2).mean()), float((d(fake) ** 2).mean())
        assert float(terms[f"d_{domain}_real"]) == pytest.approx(on_real, rel=1e-5)
        assert float(terms[f"d_{domain}_fake"]) == pytest.approx(on_fake, rel=1e-5)
        assert loss == pytest.approx(0.5 * (on_real + on_fake), rel=1e-5)


def test_a_schedule_without_decay_keeps_its_rate() -> None:
    method = create("distancegan", ngf=4, ndf=4, n_blocks=1, schedule=Schedule(2, 0))
    assert [method.lr_factor(epoch) for epoch in (1, 2)] == [1, 1]


@both_methods
def test_terms_are_those_of_the_images_and_sum_to_the_loss(name: str) -> None:
    method = tiny(name)
    real = dict(zip("ab", images(0, 2).values(), strict=True))
    fake = {domain: generator(real[OPPOSITE[domain]]) for domain, generator in method.generators.items()}
    terms = method.generator_terms(real, fake)
    measure = pair_distances if name == "distancegan" else half_distance
    a, b = method.statistics["a"], method.statistics["b"]
    expected = {
        "gan_ab": ((method.networks["discriminator_b"](fake["b"]) - 1) ** 2).mean(),
        "gan_ba": ((method.networks["discriminator_a"](fake["a"]) - 1) ** 2).mean(),
        "distance_ab": (a.normalize(measure(real["a"])) - b.normalize(measure(fake["b"]))).abs().mean(),
        "distance_ba": (b.normalize(measure(real["b"])) - a.normalize(measure(fake["a"]))).abs().mean(),
    }
    assert terms.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(terms[key], value)
    torch.testing.assert_close(
        distancegan.total_loss(terms, DistanceGanOptions(lambda_distance=3)),
        expected["gan_ab"] + expected["gan_ba"] + 3 * (expected["distance_ab"] + expected["distance_ba"]),
    )


def test_distances_pull_the_translations_apart_or_together() -> None:
    fake = constant(0, 0.5).clone().requires_grad_()
    distance_loss(pair_distances(constant(0, 0.8)), pair_distances(fake), Statistics(), Statistics()).backward()
    assert fake.grad is not None
    assert (fake.grad[1] < 0).all()
    assert (fake.grad[0] > 0).all()


def test_generators_move_first_then_each_discriminator(monkeypatch: pytest.MonkeyPatch) -> None:
    method = tiny()
    moved = []
    for name, optimizer in method.optimizers.items():
        optimizer.register_step_post_hook(lambda *_, name=name: moved.append(name))
    before = {key: value.clone() for key, value in method.generators["b"].state_dict().items()}
    seen = []
    query = method.pools["b"].query
    monkeypatch.setattr(method.pools["b"], "query", lambda fake: seen.append(fake) or query(fake))
    batch = images(0, 2)
    method.step(batch)
    assert moved == ["generators", "discriminator_b", "discriminator_a"]
    method.generators["b"].load_state_dict(before)
    torch.testing.assert_close(seen[0], method.generators["b"](batch["source"]).detach())
    assert not seen[0].requires_grad


def test_directions_are_uncoupled() -> None:
    """Forward alone gives the forward losses and weights of both together."""
    both, forward = tiny(pool_size=0), tiny(pool_size=0, directions="forward")
    assert forward.networks.keys() == {"generator_ab", "discriminator_b"}
    for name, network in forward.networks.items():
        network.load_state_dict(both.networks[name].state_dict())
    for seed in range(2):
        terms, fewer = both.step(images(seed, 2)), forward.step(images(seed, 2))
        assert fewer.keys() == {"gan_ab", "distance_ab", "d_b_real", "d_b_fake"}
        for name, value in fewer.items():
            torch.testing.assert_close(value, terms[name])


def test_forward_alone_cannot_translate_backward(tmp_path: Path) -> None:
    method = tiny(directions="forward")
    save_generator(method, tmp_path / "generator.safetensors")
    translator = load_generator(tmp_path / "generator.safetensors")
    source = images(0)["source"]
    assert torch.equal(translator(source), method.translate(source))
    with pytest.raises(UserError, match="one-sided"):
        translator(source, "backward")
    samples = Samples(DataConfig(root=tmp_path), method.options, tmp_path)
    samples.source = samples.target = source
    samples.draw(method, 1)
    assert (tmp_path / "iter0000001.png").exists()


def test_distances_need_two_images_and_halves_need_one() -> None:
    with pytest.raises(UserError, match="batch_size"):
        create("distancegan", batch_size=1)
    method = tiny("selfdistance", batch_size=1)
    assert all(torch.isfinite(value) for value in method.step(batch_for(method, 0)).values())
    assert DistanceGanOptions().images_per_iteration == SelfDistanceOptions().images_per_iteration == 2


def test_statistics_survive_a_resume() -> None:
    method, other = tiny(), tiny(normalize=False)
    other.load_state_dict(method.state_dict())
    assert other.statistics == method.statistics != {"a": Statistics(), "b": Statistics()}


@pytest.mark.parametrize("axis", ["height", "width"])
def test_the_axis_is_an_option(axis: str) -> None:
    image = halves(0.2, -0.2, dim=-2 if axis == "height" else -1)
    assert float(tiny("selfdistance", axis=axis).distances(image)) == pytest.approx(0.4)


def test_pools_keep_what_was_made_for_their_domain() -> None:
    method = tiny(pool_size=3)
    for seed in range(3):
        method.step(images(seed, 2))
    assert [len(pool.state()) for pool in method.pools.values()] == [3, 3]
