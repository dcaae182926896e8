"""EnCo, CUT and CycleGAN against the published parameter totals, loss weights and behaviour."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from enco.config.base import parse
from enco.errors import UserError
from enco.methods import create, cut, cyclegan, enco, get
from enco.methods.base import Method
from enco.methods.cut import Cut
from enco.methods.cyclegan import CycleGan
from enco.methods.enco import EnCo
from enco.methods.parts.pool import ImagePool
from enco.methods.parts.schedule import Schedule
from enco.options.cut import CutOptions
from enco.options.cyclegan import CycleGanOptions
from enco.options.enco import EnCoOptions
from tests.support.tiny_methods import SIZE, images, tiny_method

PAIR_A = [[7, 24]]
PAIRS_B = [[3, 28], [7, 24]]
PAIRS_C = [[7, 24], [13, 18]]


def paper_size(name: str, **options: Any) -> Method:
    """Make a method at full width, without memory for weights."""
    with torch.device("meta"):
        return create(name, device="meta", **options)


def values(**terms: float) -> dict[str, Tensor]:
    return {name: torch.tensor(value) for name, value in terms.items()}


@pytest.mark.parametrize(
    ("name", "options", "total"),
    [
        ("enco", {}, 14_455_748),
        ("enco", {"pairs": PAIR_A}, 14_241_732),
        ("enco", {"pairs": PAIRS_B}, 14_324_164),
        ("enco", {"pairs": PAIRS_C}, 14_373_316),
        ("enco", {"k": 1}, 14_455_748),
        ("enco", {"heads": "separate"}, 14_768_580),
        ("enco", {"content_loss": "cosine"}, 14_653_892),
        ("cut", {}, 14_703_300),
        ("cyclegan", {}, 28_285_832),
        ("cyclegan", {"arch": "mixed"}, 28_285_832),
        ("cyclegan", {"arch": "antialiased"}, 28_285_832),
    ],
)
def test_parameter_totals(name: str, options: dict[str, Any], total: int) -> None:
    assert paper_size(name, **options).parameter_count() == total


@pytest.mark.parametrize(("name", "parameters"), [("enco", 312_832), ("cut", 560_384)])
def test_head_parameters(name: str, parameters: int) -> None:
    assert sum(p.numel() for p in paper_size(name).networks["heads"].parameters()) == parameters


@pytest.mark.parametrize(
    ("const", "decay", "base", "expected"),
    [
        (200, 200, 5e-5, {200: 5e-5, 400: 2.4876e-7}),
        (200, 200, 2e-4, {200: 2e-4, 201: 1.9900498e-4, 300: 1.0049751e-4, 400: 9.9502488e-7}),
        (100, 100, 2e-4, {100: 2e-4, 101: 1.980198e-4, 150: 1.009901e-4, 200: 1.980198e-6}),
        (100, 100, 5e-5, {200: 4.9505e-7}),
    ],
)
def test_learning_rates(const: int, decay: int, base: float, expected: dict[int, float]) -> None:
    method = tiny_method("enco", lr_g=base)
    method.schedule = Schedule(const, decay)
    for epoch, rate in expected.items():
        method.begin_epoch(epoch)
        assert method.optimizers["generator"].param_groups[0]["lr"] == pytest.approx(rate, rel=1e-4)


def test_warm_up_rises_linearly() -> None:
    assert [Schedule(100, 100, warmup=20).factor(epoch) for epoch in (1, 10, 20, 21)] == [0.05, 0.5, 1, 1]


def test_enco_has_two_time_scales() -> None:
    rates = {name: opt.param_groups[0]["lr"] for name, opt in tiny_method("enco").optimizers.items()}
    assert rates == {"generator": 5e-5, "discriminator": 2e-4, "heads": 5e-5}


@pytest.mark.parametrize(
    ("options", "first_half", "second_half"),
    [
        ({}, (0.5, 5), 1),
        ({"nce_reduction": "pairs"}, (1, 5), 2),
        ({"nce_reduction": "pairs", "half_factor": False}, (2, 10), 2),
        ({"nce_reduction": "sum", "half_factor": False}, (6, 10), 6),
    ],
)
def test_enco_loss_weights(options: dict[str, Any], first_half: tuple[float, float], second_half: float) -> None:
    parsed = EnCoOptions(**options)
    a, b, c, identity, gan = 1.5, 2.5, 5.0, 0.25, 0.75
    mean = (a + b + c) / 3
    with_identity = enco.total_loss(values(gan_g=gan, nce=mean, idt=identity), parsed)
    assert float(with_identity) == pytest.approx(gan + first_half[0] * mean + first_half[1] * identity)
    without = enco.total_loss(values(gan_g=gan, nce=mean), parsed)
    assert float(without) == pytest.approx(gan + second_half * mean)


def test_enco_first_step_has_the_published_scale() -> None:
    """At initialisation D is near 0 and embeddings are nearly alike, so NCE is near log of the patches."""
    terms = tiny_method("enco", patches=64).step(images(0))
    assert float(terms["d_real"]) == pytest.approx(1, abs=0.05)
    assert float(terms["d_fake"]) == pytest.approx(0, abs=0.05)
    assert float(terms["gan_g"]) == pytest.approx(1, abs=0.05)
    assert 0 < float(terms["nce"]) < 1.5 * float(torch.log(torch.tensor(64.0)))
    assert float(terms["idt"]) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("stop", "lambda_idt", "active"),
    [(None, 10, [True, False]), (0, 10, [False, False]), (2, 10, [True, True]), (None, 0, [False, False])],
)
def test_identity_is_on_until_its_last_epoch(stop: int | None, lambda_idt: float, active: list[bool]) -> None:
    method = tiny_method("enco", idt_stop_epoch=stop, lambda_idt=lambda_idt)
    found = []
    for epoch in (1, 2):
        method.begin_epoch(epoch)
        found.append("idt" in method.step(images(0)))
    assert found == active


@pytest.mark.parametrize("name", ["enco", "cut"])
def test_the_discriminator_learns_nothing_from_the_generators_step(name: str) -> None:
    """After a step the discriminator has the weights that the discriminator's own loss alone leads to."""
    whole = tiny_method(name)
    whole.step(images(0))
    alone = tiny_method(name)
    assert isinstance(alone, EnCo | Cut)
    d = alone.discriminator
    with torch.no_grad():
        fake = alone.translate(images(0)["source"])
    loss = 0.5 * (d(fake).square().mean() + (d(images(0)["target"]) - 1).square().mean())
    loss.backward()
    alone.optimizers["discriminator"].step()
    for ours, theirs in zip(d.parameters(), whole.networks["discriminator"].parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-3)


def gradients(method: EnCo) -> dict[str, bool]:
    """Return whether each head parameter gets a gradient from one pair's content loss."""
    batch = images(0)
    fake, _, features = method.forward(batch["source"], batch["target"])
    head = method.heads[0]
    method.pair_loss(features[3], features[28], method.discriminator(fake), head).backward()
    return {name: parameter.grad is not None for name, parameter in head.named_parameters()}


def enco_method(**options: Any) -> EnCo:
    method = tiny_method("enco", **options)
    assert isinstance(method, EnCo)
    return method


def test_separate_key_heads_learn_only_where_keys_are_not_detached_after_them() -> None:
    detached = gradients(enco_method(heads="separate"))
    assert {name for name, given in detached.items() if not given} == {n for n in detached if n.startswith("key_")}
    assert all(gradients(enco_method(heads="separate", key_detach="feature")).values())


@pytest.mark.parametrize(("key_detach", "flows"), [("embedding", False), ("feature", False), ("none", True)])
def test_gradient_reaches_key_features_only_if_they_are_never_detached(key_detach: str, flows: bool) -> None:
    method = enco_method(key_detach=key_detach)
    keys, queries = (torch.randn(1, 4, SIZE, SIZE, requires_grad=True) for _ in range(2))
    method.pair_loss(keys, queries, torch.randn(1, 1, 2, 2), method.heads[0]).backward()
    assert (keys.grad is not None) == flows
    assert queries.grad is not None


@pytest.mark.parametrize("beta", [0, 0.75, 1])
def test_k_1_is_one_setting_whatever_beta_is(beta: float) -> None:
    assert EnCoOptions(k=1, beta=beta) == EnCoOptions(k=1)
    assert EnCoOptions(k=1, beta=beta).model_dump() == EnCoOptions(k=1, beta=0.5).model_dump()
    assert EnCoOptions(k=2, beta=beta).beta == beta
    # Where the rest comes from anywhere, beta still matters.
    assert EnCoOptions(k=1, beta=beta, dag_rest="uniform").beta == beta


def test_pairs_of_unequal_features_are_refused() -> None:
    with pytest.raises(UserError, match=r"cannot pair modules 3 and 24: .*\(4, 32, 32\) and \(8, 16, 16\)"):
        tiny_method("enco", pairs=[[3, 24]])
    with pytest.raises(UserError, match="tap 40 does not exist"):
        tiny_method("enco", pairs=[[3, 40]])
    with pytest.raises(UserError, match="cannot pair modules 3 and 28"):
        tiny_method("enco", n_blocks=6)


def test_enco_taps_the_bare_image_as_0() -> None:
    method = enco_method(pairs=[[0, 31]])
    batch = images(0)
    fake, _, features = method.forward(batch["source"], batch["target"])
    assert torch.equal(features[0], batch["source"])
    assert torch.equal(features[31], fake)
    assert torch.isfinite(method.step(batch)["nce"])


def test_cosine_content_loss_stays_in_its_range() -> None:
    assert 0 <= float(enco_method(content_loss="cosine").step(images(0))["nce"]) <= 4


@pytest.mark.parametrize(
    ("options", "terms", "total"),
    [
        ({}, {"nce": 2.0, "nce_idt": 4.0}, 0.75 + 3.0),
        ({"nce_half_factor": False}, {"nce": 2.0, "nce_idt": 4.0}, 0.75 + 6.0),
        ({"lambda_nce": 10, "identity_nce": False}, {"nce": 2.0}, 0.75 + 20.0),
    ],
)
def test_cut_loss_weights(options: dict[str, Any], terms: dict[str, float], total: float) -> None:
    assert float(cut.total_loss(values(gan_g=0.75, **terms), CutOptions(**options))) == pytest.approx(total)


def test_cut_contrasts_encodings_of_translation_and_source() -> None:
    """NCE of an image with itself is less than with another image, for tiny but discriminative heads."""
    method = tiny_method("cut")
    assert isinstance(method, Cut)
    batch = images(0)
    source = method.generator.encode(batch["source"], method.options.layers)
    target = method.generator.encode(batch["target"], method.options.layers)
    with torch.no_grad():
        assert float(method.nce(source, source)) < float(method.nce(source, target))


def test_cut_after_one_full_width_step_is_near_log_of_the_patches() -> None:
    torch.manual_seed(0)
    method = create("cut", crop_size=64, load_size=64)
    batch = images(0, size=64)
    method.step(batch)
    assert float(method.step(batch)["nce"]) == pytest.approx(5.55, abs=0.15)


def test_cut_keys_reused_are_the_keys_encoded() -> None:
    terms = [tiny_method("cut", key_features=mode).step(images(0)) for mode in ("encoded", "reused")]
    for name in terms[0]:
        torch.testing.assert_close(terms[0][name], terms[1][name], rtol=1e-4, atol=1e-5)


def test_cut_without_identity_nce_has_one_nce_term() -> None:
    assert tiny_method("cut", identity_nce=False).step(images(0)).keys() == {"d_real", "d_fake", "gan_g", "nce"}


def test_cyclegan_loss_weights() -> None:
    terms = values(gan_ab=1.0, gan_ba=1.0, cycle_a=0.1, cycle_b=0.1, idt_a=0.2, idt_b=0.2)
    assert float(cyclegan.total_loss(terms, CycleGanOptions())) == pytest.approx(6)


def test_cyclegan_first_step_has_the_published_scale() -> None:
    """With uniform noise and untrained networks: 10 x cycle is near 5 and 5 x identity near 2.5."""
    terms = tiny_method("cyclegan", ngf=8).step(images(0))
    assert 10 * float(terms["cycle_a"]) == pytest.approx(5.06, abs=0.5)
    assert 5 * float(terms["idt_a"]) == pytest.approx(2.54, abs=0.25)
    assert terms.keys() >= {"gan_ab", "gan_ba", "cycle_b", "idt_b", "d_a_real", "d_a_fake", "d_b_real", "d_b_fake"}


def test_cyclegan_without_identity_skips_its_passes() -> None:
    assert "idt_a" not in tiny_method("cyclegan", lambda_identity=0).step(images(0))


def test_cyclegan_keeps_its_jitter_and_the_others_stop_theirs() -> None:
    assert CycleGanOptions().jitter_in_decay
    assert not CutOptions().jitter_in_decay
    assert (EnCoOptions().load_size, CutOptions().load_size, CycleGanOptions().load_size) == (256, 286, 286)


@pytest.mark.parametrize(("arch", "spread"), [("strided", 0.02), ("mixed", 4.94e-4), ("antialiased", 4.94e-4)])
def test_cyclegan_initialisation_goes_with_its_architecture(arch: str, spread: float) -> None:
    torch.manual_seed(0)
    generator = cyclegan.make_generator(CycleGanOptions(arch=arch, n_blocks=1))
    assert float(generator[1].weight.detach().std()) == pytest.approx(spread, rel=0.03)


def test_cyclegan_discriminators_see_the_pools_images() -> None:
    method = tiny_method("cyclegan", pool_size=3)
    assert isinstance(method, CycleGan)
    for seed in range(5):
        method.step(images(seed))
    assert len(method.pool_a.state()) == len(method.pool_b.state()) == 3


def test_pool_returns_its_input_until_it_is_full() -> None:
    pool = ImagePool(50)
    made = torch.arange(50.0).view(50, 1, 1, 1).expand(50, 3, 2, 2)
    for image in made.split(1):
        assert torch.equal(pool.query(image), image)


def test_full_pool_returns_an_earlier_image_half_of_the_time_and_swaps_it() -> None:
    torch.manual_seed(0)
    pool = ImagePool(50)
    pool.query(torch.zeros(50, 3, 2, 2))
    returned_new = 0
    for number in range(1, 401):
        before = [float(image[0, 0, 0]) for image in pool.state()]
        got = float(pool.query(torch.full((1, 3, 2, 2), float(number)))[0, 0, 0, 0])
        after = [float(image[0, 0, 0]) for image in pool.state()]
        if got == number:
            returned_new += 1
            assert after == before
        else:
            assert sorted([*after, got]) == sorted([*before, float(number)])
    assert 160 < returned_new < 240


def test_pool_of_size_0_returns_its_input() -> None:
    pool = ImagePool(0)
    made = torch.rand(2, 3, 2, 2)
    assert torch.equal(pool.query(made), made)
    assert len(pool.state()) == 0


@pytest.mark.parametrize(
    ("name", "key", "message"),
    [
        ("enco", {"bets": 0.5}, "Unknown key 'bets' in options of method enco: choose one of .*beta"),
        ("enco", {"beta": 1.5}, "Invalid setting 'beta'"),
        ("cut", {"negatives": "none"}, "Invalid setting 'negatives'"),
        ("cyclegan", {"arch": "big"}, "Invalid setting 'arch'"),
    ],
)
def test_bad_options_are_named(name: str, key: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse(get(name).info.Options, key, f"options of method {name}")
