"""GcGAN against the published numbers: transforms, networks, losses, what is detached, and rates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from enco.losses.terms import l1
from enco.methods import create, gcgan
from enco.methods.gcgan import GcGan, geometry_loss, inverse, transform
from enco.methods.parts.generator_file import load_generator, save_generator
from enco.methods.parts.schedule import Schedule
from enco.options.gcgan import GcGanOptions, Geometry
from tests.support.tiny_methods import images, tiny_method

both_geometries = pytest.mark.parametrize("geometry", ["rot", "vf"])
SMALL = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]


def tiny(**options: Any) -> GcGan:
    method = tiny_method("gcgan", **options)
    assert isinstance(method, GcGan)
    return method


def noise(seed: int = 0) -> Tensor:
    return images(seed)["source"]


def test_transforms_are_the_published_ones() -> None:
    assert transform(SMALL, "rot")[0, 0].tolist() == [[3, 1], [4, 2]]
    assert inverse(SMALL, "rot")[0, 0].tolist() == [[2, 4], [1, 3]]
    assert transform(SMALL, "vf")[0, 0].tolist() == inverse(SMALL, "vf")[0, 0].tolist() == [[3, 4], [1, 2]]


@given(st.sampled_from(["rot", "vf"]), st.integers(1, 4), st.integers(1, 4))
def test_inverse_undoes_either_transform(geometry: Geometry, height: int, width: int) -> None:
    x = torch.arange(2.0 * 3 * height * width).view(2, 3, height, width)
    assert torch.equal(inverse(transform(x, geometry), geometry), x)


@pytest.mark.parametrize(
    ("options", "total"),
    [
        ({}, 16_907_653),
        ({"sharing": "cross"}, 28_285_832),
        ({"n_blocks": 6}, 13_367_173),
    ],
)
def test_parameters_are_the_published_ones(options: dict[str, Any], total: int) -> None:
    with torch.device("meta"):
        method = create("gcgan", device="meta", **options)
    counts = {name: sum(p.numel() for p in net.parameters()) for name, net in method.networks.items()}
    assert counts["discriminator"] == counts["discriminator_gc"] == 2_764_737
    assert counts["generator"] == (7_837_699 if "n_blocks" in options else 11_378_179)
    assert method.parameter_count() == total


@pytest.mark.parametrize(("side", "scores"), [(256, 30), (128, 14)])
def test_shapes_are_the_published_ones(side: int, scores: int) -> None:
    with torch.device("meta"):
        image = torch.empty(1, 3, side, side)
        assert gcgan.make_generator(GcGanOptions())(image).shape == image.shape
        assert gcgan.make_discriminator(GcGanOptions())(image).shape == (1, 1, scores, scores)


def test_initialisation() -> None:
    torch.manual_seed(0)
    first = gcgan.make_generator(GcGanOptions(n_blocks=1))[1]
    assert float(first.weight.detach().std()) == pytest.approx(4.94e-4, rel=0.03)
    assert float(first.bias.detach().abs().max()) == pytest.approx(1 / (3 * 7 * 7) ** 0.5, rel=0.1)


@both_geometries
def test_weighted_geometry_loss_is_the_published_one(geometry: Geometry) -> None:
    gc = geometry_loss(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.1), geometry)
    zero = torch.zeros(())
    assert float(gcgan.total_loss({"gan_g": zero, "gan_gc": zero, "gc": gc}, GcGanOptions())) == pytest.approx(4)


@both_geometries
def test_pointwise_generators_are_consistent(geometry: Geometry) -> None:
    pointwise = nn.Conv2d(3, 3, 1).requires_grad_(False)
    x = noise()
    # Sums of three products may be ordered otherwise where the image is turned.
    assert float(geometry_loss(pointwise(x), pointwise(transform(x, geometry)), geometry)) < 1e-6


@both_geometries
def test_detached_pair_has_the_gradient_of_one_undetached_term(geometry: Geometry) -> None:
    pair = noise(1).requires_grad_(), noise(2).requires_grad_()
    ours = torch.autograd.grad(geometry_loss(*pair, geometry), pair)
    theirs = torch.autograd.grad(l1(pair[0], inverse(pair[1], geometry)), pair)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("epoch", "rate"),
    [
        *((epoch, 2e-4) for epoch in (1, 99)),
        (100, 1.980198e-4),
        (101, 1.960396e-4),
        (150, 9.900990e-5),
        (199, 1.980198e-6),
        (200, 0),
    ],
)
def test_rates_are_the_published_ones(epoch: int, rate: float) -> None:
    method = create("gcgan", ngf=4, ndf=4, n_blocks=1, schedule=Schedule(100, 100))
    method.begin_epoch(epoch)
    rates = [group["lr"] for optimizer in method.optimizers.values() for group in optimizer.param_groups]
    assert rates == pytest.approx([rate] * 2, rel=1e-6)


def test_a_schedule_without_decay_keeps_its_rate() -> None:
    method = create("gcgan", ngf=4, ndf=4, n_blocks=1, schedule=Schedule(3, 0))
    assert [method.lr_factor(epoch) for epoch in (1, 2, 3)] == [1, 1, 1]


def test_a_warm_up_is_not_shifted() -> None:
    method = create("gcgan", ngf=4, ndf=4, n_blocks=1, schedule=Schedule(4, 2, warmup=2))
    assert [method.lr_factor(epoch) for epoch in range(1, 7)] == pytest.approx([0.5, 1, 1, 2 / 3, 1 / 3, 0])


def test_the_discriminators_minimise_half_of_their_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []
    monkeypatch.setattr(gcgan, "minimize", lambda loss, *given: losses.append(float(loss.detach())))
    terms = tiny().step(images(0))
    halves = sum(float(terms[name]) for name in ("d_real", "d_fake", "d_gc_real", "d_gc_fake"))
    assert losses[1] == pytest.approx(0.5 * halves)


class Half(nn.Module):
    """A discriminator that scores real and fake images alike."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.full((len(images), 1, 2, 2), 0.5)


def test_an_identity_generator_and_undecided_discriminators_have_the_published_losses() -> None:
    method = tiny()
    method.generator = method.generator_gc = nn.Identity()
    method.discriminator = method.discriminator_gc = Half()
    source, target = images(0).values()
    turned = transform(target, "rot")
    g_terms = method.generator_terms(target, turned, source, transform(source, "rot"))
    assert float(g_terms["idt"]) == float(g_terms["idt_gc"]) == float(g_terms["gc"]) == 0
    assert float(g_terms["gan_g"] + g_terms["gan_gc"]) == 0.5
    d_terms = method.discriminator_terms(target, turned, source, source)
    assert 0.5 * sum(float(term) for term in d_terms.values()) == 0.5


def test_loss_weights() -> None:
    names = ("gan_g", "gan_gc", "gc", "idt", "idt_gc")
    terms = {name: torch.tensor(value) for name, value in zip(names, (0.25, 0.5, 0.1, 0.2, 0.3), strict=True)}
    assert float(gcgan.total_loss(terms, GcGanOptions())) == pytest.approx(0.75 + 20 * 0.1 + 5 * 0.5)
    label_to_photo = GcGanOptions(lambda_identity=0.3, lambda_gan=2)
    assert float(gcgan.total_loss(terms, label_to_photo)) == pytest.approx(1.5 + 20 * 0.1 + 3 * 0.5)


def test_without_identity_its_passes_are_skipped() -> None:
    assert tiny(lambda_identity=0).step(images(0)).keys() == {
        *("gan_g", "gan_gc", "gc"),
        *("d_real", "d_fake", "d_gc_real", "d_gc_fake"),
    }


@both_geometries
@pytest.mark.parametrize("sharing", ["share", "cross"])
def test_terms_of_a_step_are_those_of_the_networks_before_it(sharing: str, geometry: Geometry) -> None:
    method, before = (tiny(sharing=sharing, geometry=geometry) for _ in range(2))
    batch = images(0)
    terms = method.step(batch)
    a, b = batch["source"], batch["target"]
    turned_a, turned_b = transform(a, geometry), transform(b, geometry)
    fake, fake_gc = before.generator(a), before.generator_gc(turned_a)
    expected = {
        "gan_g": ((before.discriminator(fake) - 1) ** 2).mean(),
        "gan_gc": ((before.discriminator_gc(fake_gc) - 1) ** 2).mean(),
        "gc": 2 * l1(fake, inverse(fake_gc, geometry)),
        "idt": l1(before.generator(b), b),
        "idt_gc": l1(before.generator_gc(turned_b), turned_b),
        "d_real": ((before.discriminator(b) - 1) ** 2).mean(),
        "d_fake": (before.discriminator(fake) ** 2).mean(),
        "d_gc_real": ((before.discriminator_gc(turned_b) - 1) ** 2).mean(),
        "d_gc_fake": (before.discriminator_gc(fake_gc) ** 2).mean(),
    }
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value.detach())


def test_generators_move_before_the_discriminators() -> None:
    method = tiny()
    moved = []
    for name, optimizer in method.optimizers.items():
        optimizer.register_step_post_hook(lambda *_, name=name: moved.append(name))
    method.step(images(0))
    assert moved == ["generators", "discriminators"]


def test_pools_keep_plain_and_transformed_images_apart() -> None:
    method = tiny(pool_size=2)
    batch = images(0)
    fake, fake_gc = method.generator(batch["source"]), method.generator(transform(batch["source"], "rot"))
    for _ in range(2):
        method.step(batch)
    assert len(method.pool.state()) == len(method.pool_gc.state()) == 2
    torch.testing.assert_close(method.pool.state()[0], fake[0].detach())
    torch.testing.assert_close(method.pool_gc.state()[0], fake_gc[0].detach())


def test_crossed_generators_both_learn_and_come_back(tmp_path: Path) -> None:
    method = tiny(sharing="cross")
    before = [network.state_dict()["1.weight"].clone() for network in (method.generator, method.generator_gc)]
    assert not torch.equal(*before)
    method.step(images(0))
    after = [network.state_dict()["1.weight"] for network in (method.generator, method.generator_gc)]
    assert not any(torch.equal(*pair) for pair in zip(before, after, strict=True))
    resumed = tiny(seed=1, sharing="cross")
    resumed.load_state_dict(method.state_dict())
    assert torch.equal(resumed.generator_gc(noise()), method.generator_gc(noise()))
    save_generator(method, tmp_path / "generator.safetensors")
    assert torch.equal(load_generator(tmp_path / "generator.safetensors")(noise()), method.translate(noise()))


def test_data_are_prepared_as_published() -> None:
    options = GcGanOptions()
    assert (options.load_size, options.crop_size, options.batch_size, options.jitter_in_decay) == (288, 256, 1, True)
