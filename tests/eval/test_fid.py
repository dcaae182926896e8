"""FID: against pytorch-fid, and what must hold for any features."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from enco.errors import UserError
from eval.metrics.fid import fid

Array = NDArray[np.float64]


def features(seed: int, n: int, d: int, scale: float = 1.0) -> Array:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) * scale


sets = st.builds(features, st.integers(0, 10_000), st.integers(2, 40), st.just(6), st.sampled_from([0.1, 1.0, 30.0]))


def pytorch_fid(a: Array, b: Array) -> float:
    from pytorch_fid.fid_score import calculate_frechet_distance

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(
            calculate_frechet_distance(a.mean(axis=0), np.cov(a, rowvar=False), b.mean(axis=0), np.cov(b, rowvar=False))
        )


@pytest.mark.parametrize(("n", "m", "d"), [(50, 50, 8), (12, 14, 32), (200, 30, 16), (500, 400, 64)])
def test_equals_pytorch_fid(n: int, m: int, d: int) -> None:
    a, b = features(1, n, d), features(2, m, d) + 0.3
    assert fid(a, b) == pytest.approx(pytorch_fid(a, b), rel=1e-3, abs=1e-3)


@given(sets)
@settings(max_examples=25, deadline=None)
def test_a_set_has_no_distance_to_itself(a: Array) -> None:
    assert 0 <= fid(a, a) <= 1e-9 * np.square(a).sum()


@given(sets, sets)
@settings(max_examples=25, deadline=None)
def test_is_symmetric_and_not_negative(a: Array, b: Array) -> None:
    assert fid(a, b) == pytest.approx(fid(b, a), rel=1e-9, abs=1e-9)
    assert fid(a, b) >= 0


@given(sets, st.lists(st.floats(-5, 5), min_size=6, max_size=6))
@settings(max_examples=25, deadline=None)
def test_a_shift_adds_its_squared_length(a: Array, shift: list[float]) -> None:
    d = np.array(shift)
    assert fid(a, a + d) == pytest.approx(float(d @ d), rel=1e-6, abs=1e-6 * (1 + np.square(a).sum()))


@given(sets, sets, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_of_images_does_not_matter(a: Array, b: Array, random: object) -> None:
    order = list(range(len(a)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert fid(a[order], b) == pytest.approx(fid(a, b), rel=1e-9, abs=1e-9)


def test_scaling_features_scales_with_the_square() -> None:
    a, b = features(1, 30, 8), features(2, 20, 8)
    assert fid(3 * a, 3 * b) == pytest.approx(9 * fid(a, b))


def test_two_one_dimensional_gaussians_by_hand() -> None:
    a, b = np.array([[-1.0], [1.0]]), np.array([[2.0], [8.0]])  # means 0 and 5, variances 2 and 18
    assert fid(a, b) == pytest.approx(25 + 2 + 18 - 2 * 6)


def test_many_images_take_the_short_way_to_the_same_number() -> None:
    a, b = features(1, 300, 8), features(2, 9, 8)
    assert fid(a, b) == pytest.approx(pytorch_fid(a, b), rel=1e-6)


def test_500_against_500_is_fast() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 500, 2048)).astype(np.float32)
    begin = time.process_time()
    fid(a, b)
    assert time.process_time() - begin < 10


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((1, 4)), np.zeros((5, 4)), "at least 2 images"),
        (np.full((5, 4), np.nan), np.zeros((5, 4)), "NaN or infinity"),
        (np.zeros((5, 4)), np.full((5, 4), np.inf), "NaN or infinity"),
        (np.zeros((5, 4)), np.zeros((5, 3)), "4 and 3 dimensions"),
    ],
)
def test_bad_sets_are_refused(a: Array, b: Array, message: str) -> None:
    with pytest.raises(UserError, match=message):
        fid(a, b)
