"""Precision and recall: against piq, by hand, and what must hold for any features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from enco.errors import UserError
from eval.metrics.precision_recall import exact_precision_recall, precision_recall

Array = NDArray[np.float64]


def features(seed: int, n: int, shift: float = 0.0, d: int = 4) -> Array:
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


sets = st.builds(features, st.integers(0, 10_000), st.integers(8, 30), st.sampled_from([0.0, 1.0, 3.0]))


def by_definition(real: Array, fake: Array, k: int) -> tuple[float, float]:
    """Kynkaanniemi et al., eq. 1-3, point by point."""

    def covers(points: Array, query: Array) -> bool:
        for i, point in enumerate(points):
            others = np.delete(points, i, axis=0)
            radius = sorted(np.linalg.norm(others - point, axis=1))[k - 1]
            if np.linalg.norm(query - point) <= radius:
                return True
        return False

    precision = np.mean([covers(real, point) for point in fake])
    recall = np.mean([covers(fake, point) for point in real])
    return 100 * float(precision), 100 * float(recall)


@given(sets, sets, st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_exact_version_follows_the_definition(real: Array, fake: Array, k: int) -> None:
    assert exact_precision_recall(real, fake, k) == pytest.approx(by_definition(real, fake, k))


@given(sets, sets)
@settings(max_examples=20, deadline=None)
def test_swapping_the_sets_swaps_precision_and_recall(real: Array, fake: Array) -> None:
    assert exact_precision_recall(real, fake) == exact_precision_recall(fake, real)[::-1]


def test_by_hand() -> None:
    real = np.array([[0.0], [1.0], [2.0], [10.0]])  # radii for k = 1: 1, 1, 1, 8
    fake = np.array([[0.5], [30.0], [31.0]])  # radii: 29.5, 1, 1
    assert exact_precision_recall(real, fake, k=1) == pytest.approx((100 / 3, 100))


def test_identical_and_distant_sets() -> None:
    a = features(0, 40)
    assert precision_recall(a, a) == (100, 100, 100)
    assert precision_recall(a, a + 1000) == (0, 0, 0)


def test_published_numbers_are_piqs() -> None:
    import torch
    from piq import PR

    real, fake = features(0, 40, d=32), features(1, 30, 0.2, d=32)
    expected = PR(nearest_k=3)(torch.tensor(real).float(), torch.tensor(fake).float())
    found = precision_recall(real, fake, k=3)
    assert found[:2] == pytest.approx([100 * float(value) for value in expected], abs=1e-4)
    assert found.precision == pytest.approx(exact_precision_recall(real, fake, 3)[0], abs=1e-4)
    assert found.recall_exact == exact_precision_recall(real, fake, 3)[1]


def test_repeating_every_real_image_lowers_precision() -> None:
    real, fake = features(0, 30), features(1, 30)
    assert exact_precision_recall(np.repeat(real, 6, axis=0), fake)[0] < exact_precision_recall(real, fake)[0]


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (np.zeros((5, 4)), np.zeros((9, 4)), "real set has 5"),
        (np.zeros((9, 4)), np.zeros((5, 4)), "generated set has 5"),
        (np.full((9, 4), np.nan), np.zeros((9, 4)), "NaN"),
        (np.zeros((9, 4)), np.zeros((9, 3)), "4 and 3 dimensions"),
    ],
)
def test_bad_sets_are_refused(real: Array, fake: Array, message: str) -> None:
    with pytest.raises(UserError, match=message):
        precision_recall(real, fake, k=5)
