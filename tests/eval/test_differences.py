"""How sure the order of rows is: a small example by hand, properties, and the deviation that new images really have."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from eval.tables.marks import marks
from eval.uncertainty.differences import Difference, Entry, difference_sd, differences, p_better, probability_above
from eval.uncertainty.gram import Gram
from eval.uncertainty.resampling import replicates

Array = NDArray[np.float64]
THREE = {
    "a": Entry(10.0, np.array([1.0, 3.0, 2.0])),
    "b": Entry(12.0, np.array([4.0, 4.0, 4.0])),
    "c": Entry(15.0, np.array([9.0, 1.0, 5.0])),
}
"""Differences of replicates: a - b has the deviation 1, a - c has 5 and b - c has 4."""


def drawn(seed: int, size: int = 20) -> Array:
    return np.random.default_rng(seed).normal(size=size)


entry = st.builds(
    lambda value, seed, sd, seeds_sd: Entry(value, sd * drawn(seed), 2, seeds_sd),
    st.sampled_from([0.0, 1.0, 1.5, 2.0, 10.0]) | st.floats(-100, 100),
    st.integers(0, 1000),
    st.sampled_from([0.0, 0.1, 1.0, 20.0]),
    st.sampled_from([0.0, 0.5]),
)
unknown = st.builds(Entry, st.floats(-100, 100))
columns = st.lists(entry | unknown, min_size=2, max_size=6).map(lambda found: dict(zip("abcdef", found, strict=False)))
better = st.sampled_from(["lower", "higher"])


def by_row(found: list[Difference]) -> dict[str, Difference]:
    return {one.row: one for one in found}


def marked(entries: dict[str, Entry], better: str) -> dict[str, str]:
    found = by_row(differences(entries, better))
    told = [found.get(row) for row in entries]
    return dict(zip(entries, marks([f"{e.value:.1f}" for e in entries.values()], better, told, "certain"), strict=True))


def test_three_rows_by_hand() -> None:
    below = NormalDist().cdf
    found = differences(THREE, "lower")
    assert [(one.best, one.difference, one.difference_sd) for one in found] == [("a", 0, 0), ("a", 2, 1), ("a", 5, 5)]
    assert found[0].p_better is None
    assert [one.p_better for one in found[1:]] == pytest.approx([below(-2), below(-1)])
    assert [(one.rank_low, one.rank, one.rank_high) for one in found] == [(1, 1, 2), (2, 2, 3), (1, 3, 3)]
    assert marked(THREE, "lower") == {"a": "underlined", "b": "", "c": "underlined"}
    assert marked({row: THREE[row] for row in "ab"}, "lower") == {"a": "bold", "b": ""}
    assert marked({row: THREE[row] for row in "ab"}, "higher") == {"a": "", "b": "bold"}


def test_replicates_that_are_shifted_say_the_same() -> None:
    """The bootstrap of a distance lies above the distance itself."""
    shifted = {row: replace(one, replicates=one.replicates + 100 * n) for n, (row, one) in enumerate(THREE.items())}
    assert differences(shifted, "lower") == differences(THREE, "lower")


def test_a_single_row_is_compared_with_nothing() -> None:
    assert differences({"a": THREE["a"]}, "lower") == [] == differences({}, "lower")
    assert marked({"a": THREE["a"]}, "lower") == {"a": ""}


def test_equal_images_cannot_be_told() -> None:
    same = THREE["a"]
    one, other, third = differences({"a": same, "b": same, "c": replace(same, value=99.0)}, "lower")
    assert (one.best, other.best) == ("a", "a") and (other.difference_sd, other.p_better) == (0.0, 0.5)
    assert [(row.rank, row.rank_low, row.rank_high) for row in (one, other, third)] == [(1, 1, 2), (1, 1, 2), (3, 3, 3)]
    assert third.p_better == 0.0
    assert marked({"a": same, "b": same}, "lower") == {"a": "underlined", "b": "underlined"}


def test_a_row_without_replicates_leaves_the_best_unsure() -> None:
    entries = {"a": THREE["a"], "b": THREE["b"], "d": Entry(50.0)}
    found = by_row(differences(entries, "lower"))
    assert (found["d"].difference, found["d"].difference_sd, found["d"].p_better) == (40.0, None, None)
    assert (found["d"].rank, found["d"].rank_low, found["a"].rank_high) == (3, None, 2)
    assert marked(entries, "lower") == {"a": "underlined", "b": "", "d": ""}
    assert marked({"a": Entry(1.0), "b": Entry(2.0), "c": Entry(1.0)}, "lower") == {"a": "bold", "b": "", "c": "bold"}


def test_replicates_that_are_no_numbers_are_unknown() -> None:
    assert difference_sd(THREE["a"], Entry(1.0, np.array([1.0, math.nan, 2.0]))) is None


def test_seeds_add_to_the_deviation_and_images_are_shared() -> None:
    one, other = replace(THREE["a"], seeds_sd=3.0), replace(THREE["c"], seeds_sd=4.0)
    assert difference_sd(one, other) == pytest.approx(math.hypot(5, 3, 4))
    assert difference_sd(THREE["a"], THREE["b"], 2.0, 1.0) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("mean", "sd", "expected"), [(1, 0, 1), (-1, 0, 0), (0, 0, 0.5), (0, 1, 0.5), (1.0, 1, 0.8413)]
)
def test_the_probability_is_that_of_a_normal_variable_and_without_deviation_of_the_order(
    mean: float, sd: float, expected: float
) -> None:
    assert probability_above(0.0, mean, sd) == pytest.approx(expected, abs=1e-4)


@given(columns, better)
def test_ranks_hold_the_rank_and_the_best_has_rank_one(entries: dict[str, Entry], better: str) -> None:
    found = by_row(differences(entries, better))
    assert found.keys() == entries.keys()
    for row, one in found.items():
        assert (one.rank == 1) == (one.difference == 0) and found[one.best].rank == 1
        assert (one.difference_sd is None) <= (one.p_better is None), row
        assert one.p_better is None or one.p_better <= 0.5
        if one.rank_low is not None and one.rank_high is not None:
            assert 1 <= one.rank_low <= one.rank <= one.rank_high <= len(entries)


@given(columns, better)
def test_one_row_is_bold_or_the_best_is_underlined(entries: dict[str, Entry], better: str) -> None:
    found, told = by_row(differences(entries, better)), marked(entries, better)
    if any(one.rank_low for one in found.values()):
        best = next(iter(found.values())).best
        assert told[best] in ("bold", "underlined")
        assert told[best] == "underlined" or set(told.values()) == {"bold", ""}
        assert all(mark != "bold" for row, mark in told.items() if row != best)


@given(columns, entry | unknown, better)
def test_another_row_makes_no_row_bold(entries: dict[str, Entry], added: Entry, better: str) -> None:
    before, after = (differences(found, better) for found in (entries, entries | {"z": added}))
    if any(one.rank_low for one in before):
        told = marked(entries | {"z": added}, better)
        assert all(marked(entries, better)[row] == "bold" for row in entries if told[row] == "bold")
        ranks, now = by_row(before), by_row(after)
        assert all(now[row].rank in (ranks[row].rank, ranks[row].rank + 1) for row in entries)


@given(entry, entry, st.sampled_from([-1.0, 1.0]))
def test_the_probability_is_symmetric(one: Entry, other: Entry, sign: float) -> None:
    p, q = p_better(one, other, sign), p_better(other, one, sign)
    assert p is not None and q is not None and p + q == pytest.approx(1)


@given(columns)
def test_higher_of_numbers_is_lower_of_their_opposites(entries: dict[str, Entry]) -> None:
    opposite = {row: replace(one, value=-one.value) for row, one in entries.items()}
    pairs = zip(differences(entries, "higher"), differences(opposite, "lower"), strict=True)
    assert all((a.best, a.rank, a.rank_low, a.rank_high) == (b.best, b.rank, b.rank_low, b.rank_high) for a, b in pairs)


@pytest.mark.slow
def test_deviation_of_a_difference_is_that_over_new_images() -> None:
    """Two methods translate the same sources, which other test sets would change for both."""
    random = np.random.default_rng(0)
    scale = np.arange(1, 33) ** -0.75
    shift = np.where(np.arange(32) < 4, 0.5, 0)

    def sample() -> tuple[Array, Array, Array]:
        sources, first, second = random.normal(size=(3, 120, 32)) * scale
        near = 0.9 * sources + shift + 0.15 * first
        far = 0.9 * sources + 1.03 * shift + 0.2 * second
        return near, far, random.normal(size=(140, 32)) * scale

    def difference(near: Array, far: Array, real: Array) -> float:
        once = np.ones(120, dtype=np.int64), np.ones(140, dtype=np.int64)
        return Gram.of(near, real).frechet_distance(*once) - Gram.of(far, real).frechet_distance(*once)

    true = np.std([difference(*sample()) for _ in range(600)], ddof=1)
    paired, apart = [], []
    for seed in range(20):
        near, far, real = sample()
        a, b = (replicates(features, real, k=5, count=150, seed=seed)["frechet_distance"] for features in (near, far))
        paired.append(difference_sd(Entry(0.0, a), Entry(0.0, b)))
        apart.append(math.hypot(a.std(), b.std()))
    assert abs(np.mean(paired) / true - 1) < 0.15
    assert np.mean(apart) > 4 * true, "numbers of unrelated images would be far less sure"
