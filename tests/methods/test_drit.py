"""DRIT against the published loss values, rates and order of updates."""

from __future__ import annotations

from copy import deepcopy
from math import log
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from enco.errors import UserError
from enco.losses.terms import code_penalty, confusion, mode_seeking, summed
from enco.methods import drit
from enco.methods.drit import Drit, Translations, split_batch, total_loss
from enco.methods.parts.optim import frozen
from enco.methods.parts.styles import styles_of
from enco.networks.drit import DOMAINS, Attribute
from enco.options.drit import DritOptions
from tests.support.tiny_methods import batch_for, images, tiny_method

MODES = pytest.mark.parametrize("concat", [True, False])


def tiny(**options: Any) -> Drit:
    method = tiny_method("drit", **options)
    assert isinstance(method, Drit)
    return method


def stepped(method: Drit) -> Drit:
    method.step(batch_for(method, 0))
    return method


def weights(network: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in network.parameters()]


def same(ours: list[Tensor], theirs: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def forward(method: Drit) -> tuple[dict[Any, Tensor], dict[Any, Tensor], Translations]:
    """Return the encoded and the unseen images of a full update, and the translations of the encoded images."""
    *_, encoded, unseen = split_batch(batch_for(method, 0), method.options)
    return encoded, unseen, method.forward(encoded)


class Constant(nn.Module):
    """A discriminator of three scales with one score for everything."""

    def __init__(self, score: float = 0.0) -> None:
        super().__init__()
        self.score = nn.Parameter(torch.tensor(score))

    def forward(self, images: Tensor) -> list[Tensor]:
        return [self.score.expand(len(images), 1, side, side) for side in (4, 2, 1)]


@pytest.mark.parametrize(("ms", "draws"), [(True, 2), (False, 1)])
def test_undecided_discriminators_have_the_published_losses(ms: bool, draws: int) -> None:
    method = tiny(mode_seeking=ms)
    encoded, unseen, made = forward(method)
    for domain in DOMAINS:
        method.discriminators[domain] = method.random_discriminators[domain] = Constant()
    with torch.no_grad():
        d = method.discriminator_terms(encoded, unseen, made)
        g = method.encoded_terms(encoded, made) | method.random_terms(made)
    assert float(d["d_a_real"] + d["d_a_fake"]) == pytest.approx(4.158883)
    assert float(d["d_b2_real"] + d["d_b2_fake"]) == pytest.approx(4.158883 * draws)
    assert float(g["gan_ab"]) == pytest.approx(3 * log(2))
    assert float(g["gan_random_ba"]) == pytest.approx(3 * log(2) * draws)


def test_an_undecided_content_discriminator_has_the_published_loss() -> None:
    method = tiny()
    nn.init.zeros_(method.content_discriminator[-1].weight)
    nn.init.zeros_(method.content_discriminator[-1].bias)
    terms = method.update_content_discriminator(forward(method)[2].content)
    assert float(summed(terms.values()).detach()) == pytest.approx(1.386294)


def test_a_content_discriminator_takes_a_for_fake_and_b_for_real() -> None:
    method = tiny()
    nn.init.zeros_(method.content_discriminator[-1].weight)
    nn.init.constant_(method.content_discriminator[-1].bias, 3.0)
    terms = method.update_content_discriminator(forward(method)[2].content)
    assert float(terms["d_content_a"].detach()) == pytest.approx(3.048587)
    assert float(terms["d_content_b"].detach()) == pytest.approx(0.048587, abs=1e-6)


@pytest.mark.parametrize(("score", "loss"), [(0.0, 0.693147), (2.0, 1.126928), (-2.0, 1.126928)])
def test_a_content_hides_its_domain_best_where_scores_are_zero(score: float, loss: float) -> None:
    assert float(confusion(torch.full((1, 1, 2, 2), score))) == pytest.approx(loss, abs=1e-6)


@pytest.mark.parametrize(
    ("attribute", "weighted"),
    [
        (Attribute(torch.ones(1, 8), torch.zeros(1, 8)), 0.04),
        (Attribute(torch.ones(2, 8), torch.zeros(2, 8)), 0.08),
        (Attribute(torch.zeros(1, 8), torch.full((1, 8), log(4))), 0.064548),
        (Attribute(torch.full((2, 8), 3.0)), 0.09),
    ],
)
def test_code_penalties(attribute: Attribute, weighted: float) -> None:
    terms = {"attribute_a": code_penalty(attribute.mean, attribute.log_variance)}
    assert float(total_loss(terms, DritOptions())) == pytest.approx(weighted, rel=1e-5)


def test_mode_seeking_of_the_published_distances() -> None:
    pictures = [torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.2)]
    latents = [torch.zeros(1, 8), torch.full((1, 8), -0.5)]
    assert float(mode_seeking(pictures, latents)) == pytest.approx(2.499938)


def test_an_attribute_without_a_spread_is_its_mean() -> None:
    mean = torch.randn(3, 8)
    assert torch.equal(Attribute(mean).draw(), mean)
    wide = Attribute(torch.full((4000, 1), 5.0), torch.full((4000, 1), log(9))).draw()
    assert float(wide.mean()) == pytest.approx(5, abs=0.3)
    assert float(wide.std()) == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        *(("gan", 1), ("content_gan", 1), ("cycle", 10), ("recon", 10), ("attribute", 0.01), ("content", 0.01)),
        *(("gan_random", 1), ("latent", 10), ("ms", 1)),
    ],
)
def test_loss_weights(name: str, weight: float) -> None:
    terms = {f"{name}_a": torch.tensor(2.0), f"{name}_b": torch.tensor(3.0), "gan_ab": torch.tensor(0.5)}
    assert float(total_loss(terms, DritOptions())) == pytest.approx(5 * weight + 0.5)


@MODES
@pytest.mark.parametrize("ms", [True, False])
def test_a_step_names_its_terms(concat: bool, ms: bool) -> None:
    groups = {"gan_ab", "gan_ba", "gan_random_ab", "gan_random_ba", "latent_ab", "latent_ba"}
    groups |= {f"{name}_{d}" for name in ("content_gan", "cycle", "recon", "attribute", "content") for d in DOMAINS}
    groups |= {f"d_{d}{kind}" for d in ("a", "b", "a2", "b2") for kind in ("_real", "_fake")}
    groups |= {"d_content_a", "d_content_b"} | ({"ms_ab", "ms_ba"} if ms else set())
    assert tiny(concat=concat, mode_seeking=ms).step(images(0, batch_size=6)).keys() == groups


def test_terms_compare_what_they_say() -> None:
    method = tiny()
    with torch.no_grad():
        encoded, _, made = forward(method)
        terms = method.encoded_terms(encoded, made) | method.random_terms(made)
    for d in DOMAINS:
        assert float(terms[f"recon_{d}"]) == pytest.approx(float((made.recon[d] - encoded[d]).abs().mean()))
        assert float(terms[f"cycle_{d}"]) == pytest.approx(float((made.cycle[d] - encoded[d]).abs().mean()))
        assert float(terms[f"content_{d}"]) == pytest.approx(float(made.content[d].square().mean()))
    apart = [made.random["b"][1] - made.random["b"][0], made.latents[1] - made.latents[0]]
    ratio = float(apart[0].abs().mean() / apart[1].abs().mean())
    assert float(terms["ms_ab"]) == pytest.approx(1 / (ratio + 1e-5), rel=1e-4)
    with torch.no_grad():
        mean = method.attribute_encoders["a"](made.random["a"][0]).mean
    assert float(terms["latent_ba"]) == pytest.approx(float((mean - made.latents[0]).abs().mean()))


def test_images_are_made_of_the_contents_and_attributes_that_they_should() -> None:
    method = tiny(concat=False)
    _, _, made = forward(method)
    with torch.no_grad():
        for d, other in (("a", "b"), ("b", "a")):
            code = made.attribute[d].draw()
            close(made.fake[d], method.generator(made.content[other], code, d))
            close(made.recon[d], method.generator(made.content[d], code, d))
            for latent, image in zip(made.latents, made.random[d], strict=True):
                close(image, method.generator(made.content[other], latent, d))


def test_a_cycle_goes_through_the_other_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Drit, "noisy_content", lambda self, images, domain: self.content_encoder(images, domain))
    method = tiny(concat=False)
    _, _, made = forward(method)
    with torch.no_grad():
        for d, other in (("a", "b"), ("b", "a")):
            code = method.attribute(made.fake[d], d).mean
            close(made.cycle[d], method.generator(method.content_encoder(made.fake[other], other), code, d))


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_contents_are_noisy_in_training_only() -> None:
    method, image = tiny(), images(0)["source"]
    with torch.no_grad():
        noise = method.noisy_content(image, "a") - method.content_encoder(image, "a")
    assert float(noise.mean()) == pytest.approx(0, abs=0.15)
    assert float(noise.std()) == pytest.approx(1, abs=0.1)
    expected = method.generator(method.content_encoder(image, "a"), styles_of(image, 8), "b")
    assert torch.equal(method.translate(image), expected)


@MODES
def test_each_direction_decodes_the_sources_content_in_the_target_domain(concat: bool) -> None:
    method, image = tiny(concat=concat), images(0)["source"]
    with torch.no_grad():
        forward, backward = (
            method.generator(method.content_encoder(image, d), styles_of(image, 8), other) for d, other in ("ab", "ba")
        )
    assert torch.equal(method.translate(image, "forward"), forward)
    assert torch.equal(method.translate(image, "backward"), backward)
    assert not torch.equal(forward, backward)


def test_attributes_are_drawn_in_both_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a spread of one, the draws come from the random state in the order of the forward pass."""
    monkeypatch.setattr(Drit, "noisy_content", lambda self, images, domain: self.content_encoder(images, domain))
    method = tiny()
    *_, encoded, _ = split_batch(batch_for(method, 0), method.options)
    with torch.no_grad():
        torch.manual_seed(3)
        made = method.forward(encoded)
        torch.manual_seed(3)
        noise_a, noise_b, *_, noise_a_again, noise_b_again = (torch.randn(1, 8) for _ in range(6))
        for d, other, noise, again in (("a", "b", noise_a, noise_a_again), ("b", "a", noise_b, noise_b_again)):
            mean, log_variance = method.attribute_encoders[d](encoded[d])
            close(made.fake[d], method.generator(made.content[other], mean + (log_variance / 2).exp() * noise, d))
            mean, log_variance = method.attribute_encoders[d](made.fake[d])
            content = method.content_encoder(made.fake[other], other)
            close(made.cycle[d], method.generator(content, mean + (log_variance / 2).exp() * again, d))


def test_a_step_takes_a_batch_for_each_content_update(monkeypatch: pytest.MonkeyPatch) -> None:
    method = tiny()
    assert (method.images_per_step, method.images_per_iteration) == (6, 1)
    batch = batch_for(method, 0)
    seen: list[Tensor] = []
    encode = method.noisy_content
    monkeypatch.setattr(method, "noisy_content", lambda images, d: seen.append(images) or encode(images, d))
    judged: list[dict[Any, Tensor]] = []
    judge = method.discriminator_terms
    monkeypatch.setattr(method, "discriminator_terms", lambda *given: judged.extend(given[:2]) or judge(*given))
    method.step(batch)
    a, b = batch["source"], batch["target"]
    for images_seen, expected in zip(seen[:6], (a[:1], b[:1], a[2:3], b[2:3], a[4:5], b[4:5]), strict=True):
        assert torch.equal(images_seen, expected)
    assert torch.equal(judged[0]["a"], a[4:5])
    assert torch.equal(judged[1]["b"], b[5:])


@pytest.mark.parametrize(("batch_size", "d_iter"), [(2, 1), (3, 2), (4, 1)])
def test_one_image_of_each_batch_is_encoded_and_the_rest_judged(batch_size: int, d_iter: int) -> None:
    method = tiny(batch_size=batch_size, d_iter=d_iter)
    batch = batch_for(method, 0)
    parts = split_batch(batch, method.options)
    firsts = range(0, batch_size * d_iter, batch_size)
    for first, encoded, unseen in zip(firsts, parts[::2], parts[1::2], strict=True):
        assert torch.equal(encoded["b"], batch["target"][first : first + 1])
        assert torch.equal(unseen["a"], batch["source"][first + 1 : first + batch_size])
    assert method.images_per_iteration == 1


def test_judged_images_are_averaged() -> None:
    """The real half of the second discriminators' loss is a mean over a batch's images but the first."""
    method = tiny(batch_size=4, d_iter=1)
    encoded, unseen, made = forward(method)
    loss, judge = nn.BCEWithLogitsLoss(), method.random_discriminators["b"]
    maps = judge(batch_for(method, 0)["target"][1:])
    by_hand = len(made.latents) * summed(loss(scores, torch.ones_like(scores)) for scores in maps)
    torch.testing.assert_close(method.discriminator_terms(encoded, unseen, made)["d_b2_real"], by_hand)


@pytest.mark.parametrize(("source", "target", "given"), [(2, 2, "2"), (5, 5, "5"), (6, 12, "6 and 12")])
def test_a_wrong_number_of_images_is_refused(source: int, target: int, given: str) -> None:
    batch = {"source": images(0, source)["source"], "target": images(0, target)["target"]}
    message = rf"takes 6 images of each domain \(batch_size 2 x d_iter 3\), not {given}: give images_per_step"
    with pytest.raises(UserError, match=message):
        tiny().step(batch)  # type: ignore[arg-type]


@pytest.mark.parametrize("d_iter", [1, 3])
def test_updates_of_one_step(d_iter: int) -> None:
    method = stepped(tiny(d_iter=d_iter))
    updates = {name: {int(s["step"]) for s in opt.state.values()} for name, opt in method.optimizers.items()}
    assert updates == {
        "translator": {2},
        "attribute_encoders": {1},
        "discriminators": {1},
        "content_discriminator": {d_iter},
    }


def test_both_gradients_of_the_translator_are_those_of_the_old_weights() -> None:
    method = tiny()
    encoded, _, made = forward(method)
    with frozen(*method.image_discriminators, method.content_discriminator):
        first, second = method.encoded_terms(encoded, made), method.random_terms(made)
    pair = (method.content_encoder, method.generator)
    parameters = [p for network in pair for p in network.parameters()]
    losses = [total_loss(terms, method.options) for terms in (first, second)]
    gradients = [torch.autograd.grad(loss, parameters, retain_graph=True) for loss in losses]
    copies = [p for network in pair for p in deepcopy(network).parameters()]
    by_hand = torch.optim.Adam(copies, 1e-4, (0.5, 0.999), weight_decay=1e-4)
    for gradient in gradients:
        for parameter, value in zip(copies, gradient, strict=True):
            parameter.grad = value.clone()
        by_hand.step()
    method.update_translator(first, second)
    for ours, theirs in zip(parameters, copies, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize(
    ("changed", "untouched"),
    [
        (
            {"lambda_gan": 50, "lambda_content_gan": 50, "lambda_latent": 50, "lambda_cycle": 1},
            ("discriminator_a", "discriminator_b2", "content_discriminator"),
        ),
        ({"lambda_latent": 50, "lambda_ms": 50}, ("attribute_encoder_a", "attribute_encoder_b")),
    ],
)
def test_who_does_not_learn_from_a_term(changed: dict[str, Any], untouched: tuple[str, ...]) -> None:
    before = tiny().networks
    first, second = (stepped(tiny(**options)).networks for options in ({}, changed))
    for name in untouched:
        assert same(weights(first[name]), weights(second[name])), name
        assert not same(weights(first[name]), weights(before[name])), name
    assert not same(weights(first["generator"]), weights(second["generator"]))


def test_discriminators_do_not_teach_translators() -> None:
    method = tiny()
    encoded, unseen, made = forward(method)
    loss = summed(method.discriminator_terms(encoded, unseen, made).values())
    method.update_content_discriminator(made.content)
    teachers = [*method.content_encoder.parameters(), *method.generator.parameters()]
    assert all(g is None for g in torch.autograd.grad(loss, teachers, allow_unused=True))
    assert all(p.grad is None for p in teachers)


def test_image_discriminators_minimise_the_sum_of_their_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []
    minimize = drit.minimize

    def noted(loss: Tensor, *optimizers: Optimizer, **how: Any) -> None:
        losses.append(float(loss.detach()))
        minimize(loss, *optimizers, **how)

    monkeypatch.setattr(drit, "minimize", noted)
    terms = (method := tiny()).step(batch_for(method, 0))
    mine = [float(value) for name, value in terms.items() if name.startswith("d_") and "content" not in name]
    assert len(mine) == 8
    earlier = method.options.d_iter - 1  # updates of the content discriminator
    assert losses[earlier] == pytest.approx(sum(mine))


def test_the_content_discriminator_minimises_the_sum_of_its_terms() -> None:
    method = tiny(content_d_clip=1e9)
    content, before = forward(method)[2].content, deepcopy(method.content_discriminator)
    loss = nn.BCEWithLogitsLoss()
    a, b = (before(content[d].detach()) for d in DOMAINS)
    wanted = torch.autograd.grad(loss(a, torch.zeros_like(a)) + loss(b, torch.ones_like(b)), [*before.parameters()])
    method.update_content_discriminator(content)
    for parameter, gradient in zip(method.content_discriminator.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_the_content_discriminators_gradient_is_clipped() -> None:
    norms = []
    for clip in (1e9, 1e-3):
        method = tiny(content_d_clip=clip)
        method.update_content_discriminator(forward(method)[2].content)
        gradients = [p.grad for p in method.content_discriminator.parameters()]
        norms.append(float(torch.cat([g.flatten() for g in gradients if g is not None]).norm()))
    assert norms[0] > 1e-3
    assert norms[1] == pytest.approx(1e-3, rel=1e-2)


@MODES
def test_each_image_is_translated_with_an_attribute_of_its_own(concat: bool) -> None:
    method = tiny(concat=concat)
    both = images(3, batch_size=2)["source"]
    alone = torch.cat([method.translate(image[None]) for image in both])
    torch.testing.assert_close(method.translate(both), alone, atol=1e-5, rtol=1e-4)
    other_seed = tiny(concat=concat, style_seed=1)
    assert not torch.equal(method.translate(both), other_seed.translate(both))
