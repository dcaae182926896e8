"""Loss terms against numbers worked out by hand or by the official code."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from enco.losses.terms import cosine_distance, discriminator_loss, discriminator_terms, generator_loss, l1, patch_nce
from enco.networks.heads import l2_normalize

EYE2, EYE4 = torch.eye(2)[None], torch.eye(4)[None]
TILTED = torch.tensor([[[0.6, 0.8], [0.8, 0.6]]])


def unit_vectors(batch: int, patches: int, width: int, seed: int) -> Tensor:
    return l2_normalize(torch.randn(batch, patches, width, generator=torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize(
    ("fake", "real", "d_loss", "g_loss"), [(0.2, 0.7, 0.065, 0.64), (0.5, 0.5, 0.25, 0.25), (0, 0, 0.5, 1)]
)
def test_lsgan_numbers(fake: float, real: float, d_loss: float, g_loss: float) -> None:
    fake_scores, real_scores = torch.full((1, 1, 30, 30), float(fake)), torch.full((1, 1, 30, 30), float(real))
    terms = discriminator_terms(real_scores, fake_scores, "lsgan")
    assert float(0.5 * (terms["d_real"] + terms["d_fake"])) == pytest.approx(d_loss)
    assert float(generator_loss(fake_scores, "lsgan")) == pytest.approx(g_loss)


def test_hinge_has_a_margin_for_the_discriminator_and_none_for_the_generator() -> None:
    scores = torch.tensor([-2.0, 0.5])
    assert float(discriminator_loss(scores, True, "hinge")) == pytest.approx((3 + 0.5) / 2)
    assert float(discriminator_loss(scores, False, "hinge")) == pytest.approx((0 + 1.5) / 2)
    assert float(generator_loss(scores, "hinge")) == pytest.approx(0.75)


def test_vanilla_is_cross_entropy() -> None:
    scores = torch.zeros(4)
    assert float(discriminator_loss(scores, True, "vanilla")) == pytest.approx(math.log(2))
    assert float(generator_loss(scores + 3, "vanilla")) == pytest.approx(math.log1p(math.exp(-3)))


@pytest.mark.parametrize("mode", ["lsgan", "hinge", "vanilla"])
def test_generator_and_discriminator_pull_the_scores_of_fakes_apart(mode: str) -> None:
    scores = torch.full((3,), 0.5, requires_grad=True)
    (up,) = torch.autograd.grad(generator_loss(scores, mode), scores)
    (down,) = torch.autograd.grad(discriminator_loss(scores, False, mode), scores)
    assert (up < 0).all()
    assert (down > 0).all()


@pytest.mark.parametrize("patches", [4, 256])
def test_patch_nce_of_equal_vectors_is_log_of_their_number(patches: int) -> None:
    same = torch.zeros(1, patches, 8)
    same[..., 0] = 1
    torch.testing.assert_close(patch_nce(same, same, 0.07), torch.full((1, patches), math.log(patches)))


@pytest.mark.parametrize(
    ("queries", "keys", "tau", "diag", "expected"),
    [
        (EYE2, TILTED, 0.07, -10.0, 2.912987),
        (EYE2, EYE2.flip(1), 0.07, -10.0, 14.285715),
        (EYE4, EYE4, 1.0, -10.0, 0.743676),
        (EYE4, EYE4, 1.0, None, 0.743668),
    ],
)
def test_patch_nce_numbers(queries: Tensor, keys: Tensor, tau: float, diag: float | None, expected: float) -> None:
    losses = patch_nce(queries, keys, tau, diag)
    torch.testing.assert_close(losses, torch.full_like(losses, expected), rtol=0, atol=2e-6)


def test_patch_nce_of_perfect_matches_in_double_precision() -> None:
    losses = patch_nce(EYE4.double(), EYE4.double(), 0.07)
    assert float(losses.mean()) == pytest.approx(1.8746e-6, rel=1e-4)


@pytest.mark.parametrize(("negatives", "expected"), [("image", 0.313274), ("batch", 1.006415)])
def test_negatives_of_the_image_or_of_the_batch(negatives: str, expected: float) -> None:
    both = torch.cat([EYE2, EYE2])
    losses = patch_nce(both, both, 1.0, negatives=negatives)
    torch.testing.assert_close(losses, torch.full((2, 2), expected), rtol=0, atol=2e-6)


@settings(max_examples=30, deadline=None)
@given(batch=st.integers(1, 3), patches=st.integers(2, 9), seed=st.integers(0, 999), tau=st.floats(0.05, 1))
def test_patch_nce_matches_its_definition(batch: int, patches: int, seed: int, tau: float) -> None:
    queries, keys = unit_vectors(batch, patches, 5, seed).double(), unit_vectors(batch, patches, 5, seed + 1).double()
    losses = patch_nce(queries, keys, tau)
    assert losses.shape == (batch, patches)
    for b in range(batch):
        for i in range(patches):
            similarity = [float(queries[b, i] @ keys[b, j]) for j in range(patches)]
            total = sum(math.exp(s / tau) for s in similarity) + math.exp(-10 / tau)
            assert float(losses[b, i]) == pytest.approx(-math.log(math.exp(similarity[i] / tau) / total), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(patches=st.integers(2, 12), seed=st.integers(0, 999))
def test_patch_nce_does_not_depend_on_the_order_of_positions(patches: int, seed: int) -> None:
    queries, keys = unit_vectors(1, patches, 6, seed), unit_vectors(1, patches, 6, seed + 1)
    order = torch.randperm(patches, generator=torch.Generator().manual_seed(seed))
    losses = patch_nce(queries, keys, 0.07)
    torch.testing.assert_close(
        patch_nce(queries[:, order], keys[:, order], 0.07), losses[:, order], rtol=1e-4, atol=1e-5
    )
    assert (losses >= 0).all()


def test_cosine_distance_of_equal_orthogonal_and_opposite_directions() -> None:
    query = torch.tensor([[2.0, 0.0]]).expand(3, 2)
    key = torch.tensor([[1.0, 0.0], [0.0, 3.0], [-5.0, 0.0]])
    torch.testing.assert_close(cosine_distance(query, key), torch.tensor([0.0, 2.0, 4.0]))


def test_l1_is_a_mean() -> None:
    assert float(l1(torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), -0.5))) == 0.5
