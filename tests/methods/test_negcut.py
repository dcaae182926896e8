"""NEGCUT against its fact-checked parameter counts, losses, gradients and update order."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from enco.errors import UserError
from enco.methods import create, negcut
from enco.methods.negcut import NegCut
from enco.networks.global_discriminator import GlobalDiscriminator
from enco.networks.negatives import NegativeGenerator, mean_embedding
from enco.options.negcut import NegCutOptions
from enco.options.sizes import most_halvings
from tests.support.tiny_methods import batch_for, images, tiny_method

TAPS = 5


def method_with(**options: Any) -> NegCut:
    method = tiny_method("negcut", **options)
    assert isinstance(method, NegCut)
    return method


def full_size(**options: Any) -> NegCut:
    with torch.device("meta"):
        method = create("negcut", device="meta", **options)
    assert isinstance(method, NegCut)
    return method


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def encoded(method: NegCut, seed: int = 0) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Encode two unlike images, without gradients."""
    with torch.no_grad():
        source, target = (method.generator.encode(image, method.options.layers) for image in images(seed).values())
    return source, target


def test_parameter_counts() -> None:
    method = full_size()
    assert {name: parameters(network) for name, network in method.networks.items()} == {
        "generator": 11_378_179,
        "discriminator": 2_764_737,
        "heads": 560_384,
        "negative_generator": 739_840,
        "momentum_heads": 560_384,
    }
    assert method.parameter_count() == 15_443_140


def test_global_discriminator_is_the_larger_critic() -> None:
    method = full_size(discriminator="global")
    assert parameters(method.discriminator) == 11_154_369
    assert method.parameter_count() == 23_832_772
    assert method.discriminator(torch.empty(2, 3, 256, 256, device="meta")).shape == (2, 1, 1, 1)


@pytest.mark.parametrize(("side", "halvings"), [(256, 6), (128, 5), (64, 4), (32, 3), (16, 2)])
def test_smallest_image_of_a_global_discriminator(side: int, halvings: int) -> None:
    assert most_halvings(side) == halvings
    assert GlobalDiscriminator(4, halvings)(torch.rand(1, 3, side, side)).shape == (1, 1, 1, 1)


def test_global_discriminator_trains_on_small_images_with_fewer_halvings() -> None:
    method = method_with(discriminator="global", halvings=3)
    assert torch.isfinite(method.step(batch_for(method, 0))["d_real"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"discriminator": "global", "crop_size": 64}, "needs crop_size 256, not 64; set halvings to 4, or"),
        ({"discriminator": "global", "k": 4}, "set k to 1, or discriminator to 'patch'"),
        ({"nce_diag": -10.0}, "Invalid setting 'nce_diag'"),
        ({"negatives": "batch"}, "Invalid setting 'negatives'"),
    ],
)
def test_settings_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        create("negcut", **options)


def test_negatives_are_unit_vectors_that_differ_by_their_noise() -> None:
    network = NegativeGenerator()
    assert network.head.mlp[0].in_features == 320
    made = network(torch.randn(2, 256), 8)
    assert made.shape == (2, 8, 256)
    torch.testing.assert_close(made.norm(dim=-1), torch.ones(2, 8))
    assert not torch.equal(made[0, 0], made[0, 1])


@pytest.mark.parametrize(("gain", "spread"), [(0.02, 1.179e-3), (1.0, 5.893e-2)])
def test_initial_spread_of_the_negative_generator(gain: float, spread: float) -> None:
    torch.manual_seed(0)
    method = create("negcut", crop_size=32, load_size=32, ngf=4, ndf=4, neg_init_gain=gain)
    assert isinstance(method, NegCut)
    assert float(method.negative_generator[0].head.mlp[0].weight.detach().std()) == pytest.approx(spread, rel=0.02)


def test_mean_embedding_is_over_all_cells_after_the_head() -> None:
    features = torch.randn(2, 3, 4, 5)
    head = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    by_hand = torch.stack([head(features[:, :, y, x]) for y in range(4) for x in range(5)]).mean(0)
    torch.testing.assert_close(mean_embedding(head, features), by_hand)


def test_loss_of_equal_vectors_is_log_257() -> None:
    same = torch.zeros(1, 256, 8)
    same[..., 0] = 1
    losses = negcut.negcut_nce(same, same, same, 0.07)
    torch.testing.assert_close(losses, torch.full((1, 256), 5.549076))


def test_loss_against_orthogonal_negatives() -> None:
    query, negative = torch.eye(2, dtype=torch.float64).split(1)
    losses = negcut.negcut_nce(query.expand(1, 4, 2), query.expand(1, 4, 2), negative.expand(1, 256, 2), 0.07)
    assert float(losses.mean()) == pytest.approx(1.59955e-4, rel=1e-5)


def test_negatives_meet_only_the_queries_of_their_image() -> None:
    query, other = torch.eye(2).split(1)
    queries = torch.stack([query, query])
    losses = negcut.negcut_nce(queries, queries, torch.stack([query, other]), 1.0)
    torch.testing.assert_close(losses[:, 0], torch.tensor([math.log(2), math.log(1 + math.exp(-1))]))


def test_diversity_numbers() -> None:
    halves = torch.cat([torch.zeros(2, 8, 4), torch.ones(2, 8, 4)], dim=1)
    assert float(negcut.diversity(halves)) == -1
    assert float(negcut.diversity(torch.ones(2, 16, 4))) == 0


def test_moving_average_numbers() -> None:
    average, current = nn.Linear(1, 1), nn.Linear(1, 1)
    for module, value in ((average, 1.0), (current, 0.0)):
        nn.init.constant_(module.weight, value)
    for expected in (0.9, 0.81):
        negcut.move_average(average, current, 0.9)
        assert float(average.weight.detach()) == pytest.approx(expected)


@pytest.mark.parametrize(("ema_init", "equal"), [("random", False), ("copy", True)])
def test_moving_average_starts_from_weights_of_its_own_or_the_heads(ema_init: str, equal: bool) -> None:
    method = method_with(ema_init=ema_init)
    pairs = zip(method.momentum_heads.parameters(), method.heads.parameters(), strict=True)
    assert all(torch.equal(mean, weight) for mean, weight in pairs) == equal


def test_moving_average_follows_the_heads_after_their_step() -> None:
    method = method_with()
    before = [p.clone() for p in method.momentum_heads.parameters()]
    method.step(batch_for(method, 0))
    for old, mean, weight in zip(before, method.momentum_heads.parameters(), method.heads.parameters(), strict=True):
        torch.testing.assert_close(mean, 0.9 * old + 0.1 * weight)


@pytest.mark.parametrize(
    ("options", "terms", "total"),
    [
        ({}, {"nce": 2.0, "nce_idt": 4.0}, -0.25 - 3.0),
        ({"lambda_ms": 2, "lambda_nce": 3}, {"nce": 2.0, "nce_idt": 4.0}, -0.5 - 9.0),
        ({"identity_nce": False}, {"nce": 2.0}, -0.25 - 2.0),
    ],
)
def test_the_negative_generator_wants_large_losses(
    options: dict[str, Any], terms: dict[str, float], total: float
) -> None:
    tensors = {name: torch.tensor(value) for name, value in {"diversity": -0.25, **terms}.items()}
    assert float(negcut.negative_loss(tensors, NegCutOptions(**options))) == pytest.approx(total)


def test_networks_are_updated_in_the_published_order(monkeypatch: pytest.MonkeyPatch) -> None:
    method = method_with()
    order: list[str] = []
    for name, optimizer in method.optimizers.items():
        optimizer.register_step_post_hook(lambda *_, name=name: order.append(name))
    move = negcut.move_average
    monkeypatch.setattr(negcut, "move_average", lambda *given: (order.append("average"), move(*given)))
    method.step(batch_for(method, 0))
    assert order == ["discriminator", "negative_generator", "generator", "heads", "average"]


def test_every_network_has_one_rate() -> None:
    assert {opt.param_groups[0]["initial_lr"] for opt in method_with().optimizers.values()} == {2e-4}


def test_the_negatives_step_moves_the_negative_generator_only() -> None:
    method = method_with()
    before = {name: [p.clone() for p in network.parameters()] for name, network in method.networks.items()}
    method.update_negatives(*method.forward(batch_for(method, 0)))
    for name, network in method.networks.items():
        moved = any(not torch.equal(p, old) for p, old in zip(network.parameters(), before[name], strict=True))
        assert moved == (name == "negative_generator"), name
        if not moved:
            assert all(p.grad is None for p in network.parameters()), name


def test_the_generators_step_leaves_no_gradient_on_the_negative_generator() -> None:
    method = method_with()
    terms = method.step(batch_for(method, 0))
    gradients = [p.grad.clone() for p in method.negative_generator.parameters()]
    inputs, output, features = method.forward(batch_for(method, 0))
    with negcut.frozen(method.negative_generator):
        method.update_generator(inputs, output, features)
    assert all(torch.equal(p.grad, g) for p, g in zip(method.negative_generator.parameters(), gradients, strict=True))
    assert terms.keys() == {
        "d_real", "d_fake", "n_nce", "n_nce_idt", "n_diversity", "gan_g", "nce", "nce_idt"
    }  # fmt: skip


@pytest.mark.parametrize("key_features", ["encoded", "reused"])
@pytest.mark.parametrize("detached", [False, True])
def test_gradient_reaches_the_encoder_through_negatives_unless_detached(detached: bool, key_features: str) -> None:
    method = method_with(detach_negatives=detached, key_features=key_features)
    source = images(0)["source"]
    _, queries = encoded(method)
    keys = method.keys_of(source, method.generator.encode(source, method.options.layers))
    method.nce(keys, queries).backward()
    assert (method.generator[1].weight.grad is None) == detached


def test_keys_get_no_gradient_as_positives() -> None:
    method = method_with()
    keys, queries = encoded(method)
    fixed = method.negatives_of(keys)
    for feature in keys.values():
        feature.requires_grad_()
    method.nce_against([made.detach() for made in fixed], keys, queries).backward()
    assert all(feature.grad is None for feature in keys.values())
    assert all(p.grad is not None for p in method.heads.parameters())


def test_each_of_the_four_evaluations_has_noise_and_positions_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    method = method_with()
    drawn: dict[str, list[Tensor]] = {"randn": [], "randperm": []}
    for name, kept in drawn.items():
        draw = getattr(torch, name)
        monkeypatch.setattr(
            torch, name, lambda *a, _draw=draw, _kept=kept, **k: _kept.append(_draw(*a, **k)) or _kept[-1]
        )
    method.step(batch_for(method, 0))
    for made in drawn.values():
        assert len(made) == 4 * TAPS
        assert not any(torch.equal(a, b) for i, a in enumerate(made) for b in made[:i] if a.shape == b.shape)


@pytest.mark.parametrize(("ms_on", "counted"), [("last", slice(1, 2)), ("both", slice(0, 2))])
def test_diversity_is_of_the_last_term_or_of_both(ms_on: str, counted: slice, monkeypatch: pytest.MonkeyPatch) -> None:
    method = method_with(ms_on=ms_on)
    found: list[Tensor] = []
    measure = negcut.diversity
    monkeypatch.setattr(negcut, "diversity", lambda made: found.append(measure(made)) or found[-1])
    term = method.step(batch_for(method, 0))["n_diversity"]
    per_branch = torch.stack(found).view(2, TAPS).mean(1)
    torch.testing.assert_close(term, per_branch[counted].mean().detach())


def test_an_images_negatives_do_not_depend_on_the_rest_of_its_batch() -> None:
    method = method_with()
    made = []
    for others in (1, 2):
        batch = torch.cat([images(0)["source"], images(others)["source"]])
        torch.manual_seed(5)
        with torch.no_grad():
            made.append(method.negatives_of(method.generator.encode(batch, method.options.layers)))
    for one, two in zip(*made, strict=True):
        assert one.shape == (2, method.options.patches, method.options.head_width)
        torch.testing.assert_close(one[0], two[0])
        assert not torch.allclose(one[1], two[1])


def test_reused_keys_are_the_keys_encoded() -> None:
    terms = [method_with(key_features=mode).step(images(0)) for mode in ("encoded", "reused")]
    for name in terms[0]:
        torch.testing.assert_close(terms[0][name], terms[1][name], rtol=1e-4, atol=1e-5)


def test_dag_sampling_looks_at_the_discriminators_scores_in_both_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    method = method_with(k=2, patches=8)
    given: list[Tensor | None] = []
    cells = negcut.sampled_cells
    monkeypatch.setattr(negcut, "sampled_cells", lambda *a: given.append(a[3]) or cells(*a))
    method.step(batch_for(method, 0))
    assert len(given) == 4 * TAPS
    assert all(scores is not None and scores.shape[:2] == (1, 1) for scores in given)
    after_discriminator = [scores for scores in given[:: 2 * TAPS] if scores is not None]
    torch.testing.assert_close(*after_discriminator)  # Of the same translation, by the same, updated discriminator.
