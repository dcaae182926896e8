"""DCLGAN against its fact-checked parameter counts, losses, gradients, update order and rates."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from enco.losses.contrast import contrast
from enco.losses.terms import discriminator_terms, generator_loss
from enco.methods import create
from enco.methods.dclgan import DclGan, Pass, total_loss
from enco.methods.parts.schedule import Schedule
from enco.options.dclgan import DclGanOptions, HingeForm
from tests.support.tiny_methods import images, tiny_method


def tiny(**options: Any) -> DclGan:
    method = tiny_method("dclgan", **options)
    assert isinstance(method, DclGan)
    return method


def passes(method: DclGan, batch_size: int = 1) -> tuple[Tensor, Tensor, Pass, Pass]:
    """Make the arguments of `generator_terms` for images of noise."""
    a, b = images(0, batch_size).values()
    return a, b, method.forward(method.g_ba, b, a), method.forward(method.g_ab, a, b)


def reached(method: DclGan, loss: Tensor) -> set[str]:
    """Return the names of the networks that get a gradient from this loss."""
    loss.backward()
    return {
        name
        for name, network in method.networks.items()
        if any(p.grad is not None and p.grad.any() for p in network.parameters())
    }


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_parameter_counts() -> None:
    with torch.device("meta"):
        method = create("dclgan", device="meta")
    assert {name: count(network) for name, network in method.networks.items()} == {
        "generator_ab": 11_378_179,
        "generator_ba": 11_378_179,
        "discriminator_a": 2_764_737,
        "discriminator_b": 2_764_737,
        "heads_a": 493_568,
        "heads_b": 493_568,
    }
    assert method.parameter_count() == 29_272_968
    optimised = {
        name: sum(p.numel() for group in optimizer.param_groups for p in group["params"])
        for name, optimizer in method.optimizers.items()
    }
    assert optimised == {"generators": 22_756_358, "discriminators": 5_529_474, "heads": 987_136}


def test_heads_have_the_published_sizes() -> None:
    with torch.device("meta"):
        heads = create("dclgan", device="meta").networks["heads_a"]
    assert [count(head) for head in heads.children()] == [98_816, 131_584, 131_584, 131_584]


@pytest.mark.parametrize(
    ("real", "fake", "d_loss", "clipped", "linear"),
    [(0, 0, 1, 1, 0), (0.7, 0.2, 0.75, 0.8, -0.2), (2, -2, 0, 3, 2), (0, 2, 2, 0, -2)],
)
def test_hinge_numbers(real: float, fake: float, d_loss: float, clipped: float, linear: float) -> None:
    real_scores, fake_scores = (torch.full((1, 1, 30, 30), float(score)) for score in (real, fake))
    terms = discriminator_terms(real_scores, fake_scores, "hinge")
    assert float(0.5 * (terms["d_real"] + terms["d_fake"])) == pytest.approx(d_loss)
    assert float(generator_loss(fake_scores, "hinge", "clipped")) == pytest.approx(clipped)
    assert float(generator_loss(fake_scores, "hinge", "linear")) == pytest.approx(linear)


@pytest.mark.parametrize(("form", "slopes"), [("clipped", [-0.5, 0]), ("linear", [-0.5, -0.5])])
def test_clipped_hinge_has_no_gradient_above_1(form: HingeForm, slopes: list[float]) -> None:
    scores = torch.tensor([0.9, 1.1], requires_grad=True)
    generator_loss(scores, "hinge", form).backward()
    assert scores.grad is not None
    assert scores.grad.tolist() == slopes


@pytest.mark.parametrize("mode", ["lsgan", "vanilla"])
def test_the_form_of_the_hinge_matters_to_nothing_else(mode: str) -> None:
    scores = torch.randn(3, 4)
    assert torch.equal(generator_loss(scores, mode, "clipped"), generator_loss(scores, mode, "linear"))


@pytest.mark.parametrize(
    ("options", "total"),
    [
        ({}, 14.3),
        ({"half_factor": False}, 28.6),
        ({"lambda_gan": 3}, 18.3),
        ({"lambda_nce": 1}, 8.3),
        ({"lambda_idt": 10}, 17),
    ],
)
def test_loss_weights(options: dict[str, Any], total: float) -> None:
    numbers = {"gan_ab": 1, "gan_ba": 3, "nce_ab": 5, "nce_ba": 7, "idt_a": 0.2, "idt_b": 0.4}
    terms = {name: torch.tensor(float(value)) for name, value in numbers.items()}
    assert float(total_loss(terms, DclGanOptions(**options))) == pytest.approx(total)


def test_terms_of_a_first_step() -> None:
    """At initialisation scores are near 0, so both hinges are near 1; translations are near 0, 0.5 away from noise."""
    terms = tiny().step(images(0))
    near_one = {"d_a_real", "d_a_fake", "d_b_real", "d_b_fake", "gan_ab", "gan_ba"}
    assert terms.keys() == near_one | {"nce_ab", "nce_ba", "idt_a", "idt_b"}
    for name in near_one:
        assert float(terms[name]) == pytest.approx(1, abs=0.01), name
    for name in ("idt_a", "idt_b"):
        assert float(terms[name]) == pytest.approx(0.5, abs=0.05), name


def test_lsgan_replaces_both_hinges() -> None:
    terms = tiny(gan_mode="lsgan").step(images(0))
    assert float(terms["d_a_real"]) == pytest.approx(1, abs=0.05)
    assert float(terms["d_a_fake"]) == pytest.approx(0, abs=0.05)


def test_linear_hinge_is_minus_the_mean_score() -> None:
    method = tiny(g_hinge="linear")
    a, b, to_a, to_b = passes(method)
    terms = method.generator_terms(a, b, to_a, to_b)
    torch.testing.assert_close(terms["gan_ab"], -method.d_b(to_b.fake).mean())
    torch.testing.assert_close(terms["gan_ba"], -method.d_a(to_a.fake).mean())


def test_one_pass_translates_and_keeps_the_other_domain() -> None:
    method = tiny()
    a, b, to_a, to_b = passes(method, batch_size=2)
    for made, source, own, generator in ((to_b, a, b, method.g_ab), (to_a, b, a, method.g_ba)):
        torch.testing.assert_close(made.fake, generator(source), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(made.identity, generator(own), atol=1e-5, rtol=1e-4)
        for tap, feature in generator.encode(source, method.options.layers).items():
            torch.testing.assert_close(made.keys[tap], feature, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("mode", ["reused", "encoded"])
def test_keys_come_from_the_translating_generator_without_gradients(mode: str) -> None:
    _, _, to_a, to_b = passes(tiny(key_features=mode))
    assert not any(key.requires_grad for made in (to_a, to_b) for key in made.keys.values())


def test_reused_keys_give_the_same_terms() -> None:
    encoded, reused = (tiny(key_features=mode).step(images(0)) for mode in ("encoded", "reused"))
    for name, term in encoded.items():
        torch.testing.assert_close(reused[name], term, rtol=1e-4, atol=1e-5)


def test_each_side_is_embedded_by_its_own_domains_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    """DAG sampling also goes by the scores of the discriminator that judges the image behind the queries."""
    method = tiny(k=2)
    a, b, to_a, to_b = passes(method)
    calls: list[tuple[Any, ...]] = []

    def spy(*arguments: Any) -> Tensor:
        calls.append(arguments)
        return contrast(*arguments)

    monkeypatch.setattr("enco.methods.dclgan.contrast", spy)
    method.generator_terms(a, b, to_a, to_b)
    expected = (
        (to_b, method.g_ba, method.heads_a, method.heads_b, method.d_b),
        (to_a, method.g_ab, method.heads_b, method.heads_a, method.d_a),
    )
    for call, (made, encoder, of_keys, of_queries, judge) in zip(calls, expected, strict=True):
        keys, queries, key_heads, query_heads, _, scores = call
        assert keys is made.keys
        assert key_heads is of_keys
        assert query_heads is of_queries
        assert torch.equal(scores, judge(made.fake))
        for tap, feature in encoder.encode(made.fake, method.options.layers).items():
            assert torch.equal(queries[tap], feature)


@pytest.mark.parametrize(
    ("name", "networks"),
    [
        ("nce_ab", {"generator_ab", "generator_ba", "heads_b"}),
        ("nce_ba", {"generator_ab", "generator_ba", "heads_a"}),
        ("gan_ab", {"generator_ab", "discriminator_b"}),
        ("gan_ba", {"generator_ba", "discriminator_a"}),
        ("idt_a", {"generator_ba"}),
        ("idt_b", {"generator_ab"}),
    ],
)
def test_a_term_teaches_these_networks(name: str, networks: set[str]) -> None:
    """NCE teaches the translator through the image, the other generator through the encoding, and the query's heads."""
    method = tiny()
    assert reached(method, method.generator_terms(*passes(method))[name]) == networks


def test_discriminators_learn_first_and_from_their_own_loss_alone() -> None:
    whole, alone = tiny(), tiny()
    terms = whole.step(images(0))
    a, b, to_a, to_b = passes(alone)
    loss = torch.zeros(())
    for discriminator, real, fake in ((alone.d_a, a, to_a.fake), (alone.d_b, b, to_b.fake)):
        scores_real, scores_fake = discriminator(real), discriminator(fake.detach())
        loss = loss + 0.5 * ((1 - scores_real).clamp(min=0).mean() + (1 + scores_fake).clamp(min=0).mean())
    loss.backward()
    alone.optimizers["discriminators"].step()
    for ours, theirs in ((alone.d_a, whole.d_a), (alone.d_b, whole.d_b)):
        for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(mine, its, atol=1e-5, rtol=1e-3)
    # The generators met discriminators that had already learnt.
    assert float(terms["gan_ab"]) == pytest.approx(float(1 - alone.d_b(to_b.fake.detach()).detach().mean()), abs=1e-5)


def test_without_identity_losses_their_passes_are_skipped() -> None:
    method = tiny(lambda_idt=0)
    assert method.step(images(0)).keys().isdisjoint({"idt_a", "idt_b"})
    assert all(len(made.identity) == 0 for made in passes(method)[2:])


def test_rates_of_the_heads() -> None:
    method = tiny()
    method.schedule = Schedule(200, 200)
    for epoch, rate in {200: 1e-3, 201: 9.950249e-4, 300: 5.024876e-4, 400: 4.975124e-6}.items():
        method.begin_epoch(epoch)
        assert method.optimizers["heads"].param_groups[0]["lr"] == pytest.approx(rate, rel=1e-6)
        assert method.optimizers["generators"].param_groups[0]["lr"] == pytest.approx(rate / 5, rel=1e-6)


def test_heads_have_decay_rates_of_their_own() -> None:
    betas = {name: opt.param_groups[0]["betas"] for name, opt in tiny().optimizers.items()}
    assert betas == {"generators": (0.5, 0.999), "discriminators": (0.5, 0.999), "heads": (0.9, 0.999)}
    assert tiny(betas_f=(0.5, 0.9)).optimizers["heads"].param_groups[0]["betas"] == (0.5, 0.9)


def test_defaults_of_the_data_are_cuts() -> None:
    options = DclGanOptions()
    assert (options.load_size, options.crop_size, options.jitter_in_decay) == (286, 256, False)
    assert (options.negatives, options.patches, options.k) == ("image", 256, 1)


def test_negatives_of_the_whole_batch_are_more() -> None:
    of_image, of_batch = (tiny(negatives=kind, batch_size=2).step(images(0, 2)) for kind in ("image", "batch"))
    assert float(of_batch["nce_ab"]) > float(of_image["nce_ab"])
    alone = [tiny(negatives=kind).step(images(0))["nce_ab"] for kind in ("image", "batch")]
    assert torch.equal(*alone)
