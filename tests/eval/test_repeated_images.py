"""Sets in which real images repeat, as the paired one does where targets are fewer than sources: one image each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from eval.metrics.fid import fid
from eval.metrics.precision_recall import exact_precision_recall
from eval.metrics.real_sets import real_set
from eval.uncertainty.gram import Gram, distinct
from eval.uncertainty.neighbours import Distances
from eval.uncertainty.resampling import distance_replicates, replicates

Array = NDArray[np.float64]


def draw(seed: int, n: int, shift: float = 0.0, d: int = 6) -> Array:
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


@given(st.integers(0, 10_000), st.lists(st.integers(1, 3), min_size=8, max_size=15))
@settings(max_examples=30, deadline=None)
def test_values_are_those_of_the_set_as_it_is(seed: int, times: list[int]) -> None:
    x, y = draw(seed, 12, 1.0), np.repeat(draw(seed + 1, len(times)), times, axis=0)
    y = np.random.default_rng(seed).permutation(y)
    gram = Gram.of(x, y)
    assert gram.times.sum() == len(y)
    assert gram.distances()["frechet_distance"] == pytest.approx(fid(x, y), rel=1e-9)
    found = Distances.of_all(gram).metrics(5)
    assert (found.precision, found.recall_exact) == pytest.approx(exact_precision_recall(y, x, 5))


def test_images_stay_in_the_order_of_their_first_rows() -> None:
    y = draw(0, 9)
    rows, times = distinct(y[[4, 1, 4, 7, 1, 4]])
    assert rows.tolist() == [0, 1, 3]
    assert times.tolist() == [3, 2, 1]
    assert distinct(np.ones((5, 3)))[0].tolist() == [0, 1, 2, 3, 4], "there are no pairs of one image"


def test_twice_each_image_is_as_sure_as_once() -> None:
    x, y = draw(0, 30, 0.7), draw(1, 20)
    once, twice = (replicates(x, real, k=4, count=60) for real in (y, np.repeat(y, 2, axis=0)))
    assert twice["KID"] == pytest.approx(once["KID"])
    assert Gram.of(x, np.repeat(y, 2, axis=0)).kid() == pytest.approx(Gram.of(x, y).kid())
    assert twice["frechet_distance"].std() == pytest.approx(once["frechet_distance"].std(), rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_deviation_of_a_paired_set_is_that_of_new_images(scale: float) -> None:
    random, spread = np.random.default_rng(0), np.arange(1, 49) ** -0.5
    shift = np.where(np.arange(48) < 8, 0.6, 0)

    def sample() -> tuple[Array, Array]:
        sources = scale * random.normal(size=(94, 48)) * spread + shift
        targets = random.normal(size=(50, 48)) * spread
        return sources, targets[real_set(range(94), list(range(50)), "paired")]

    values = [Gram.of(*sample()).distances() for _ in range(500)]
    drawn = [distance_replicates(Gram.of(*sample()), 80) for _ in range(40)]
    for name in ("frechet_distance", "KID"):
        true = np.std([value[name] for value in values], ddof=1)
        estimated = np.mean([each[name].std(ddof=1) for each in drawn])
        assert estimated / true == pytest.approx(1, abs=0.15), name
