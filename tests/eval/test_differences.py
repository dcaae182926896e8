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
from eval.uncertainty.differences import (
    SURE,
    Deviation,
    Difference,
    Entry,
    combined,
    difference_deviation,
    differences,
    p_better,
    probability_above,
    probability_text,
)
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
    lambda value, seed, sd, n, std: Entry(value, sd * drawn(seed), n, std if n > 1 else math.nan),
    st.sampled_from([0.0, 1.0, 1.5, 2.0, 10.0]) | st.floats(-100, 100),
    st.integers(0, 1000),
    st.sampled_from([0.0, 0.1, 1.0, 20.0]),
    st.integers(1, 3),
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
    assert (found["d"].rank, found["d"].rank_low, found["d"].rank_high) == (3, 1, 3)
    assert found["a"].rank_high == 2
    assert marked(entries, "lower") == {"a": "underlined", "b": "", "d": "underlined"}
    assert marked({"a": Entry(1.0), "b": Entry(2.0), "c": Entry(1.0)}, "lower") == {"a": "bold", "b": "", "c": "bold"}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({"d": Entry(9.0), "a": THREE["a"], "b": THREE["b"]}, ["underlined"] * 3),
        ({"a": THREE["a"], "d": Entry(10.001), "b": THREE["b"]}, ["underlined", "underlined", ""]),
        ({"d": Entry(9.0), "a": THREE["a"]}, ["underlined"] * 2),
    ],
)
def test_what_is_not_underlined_is_known_to_be_worse(entries: dict[str, Entry], expected: list[str]) -> None:
    assert list(marked(entries, "lower").values()) == expected


def test_replicates_that_are_no_numbers_are_unknown() -> None:
    assert difference_deviation(THREE["a"], Entry(1.0, np.array([1.0, math.nan, 2.0]))) is None


def test_seeds_add_to_the_deviation_and_images_are_shared() -> None:
    one, other = replace(THREE["a"], n=4, std=6.0), replace(THREE["c"], n=9, std=12.0)
    assert difference_deviation(one, other) == pytest.approx((math.hypot(5, 3, 4), 50**2 / (3**4 / 3 + 4**4 / 8)))
    assert difference_deviation(THREE["a"], THREE["b"], 2.0, 1.0) == pytest.approx((2.0, math.inf))


def test_a_row_of_one_seed_is_taken_to_vary_as_the_other_does() -> None:
    several, single = replace(THREE["a"], n=3, std=6.0), THREE["b"]
    expected = math.hypot(1, 6 * math.sqrt(1 + 1 / 3))
    for pair in ((several, single), (single, several)):
        found = difference_deviation(*pair)
        assert found is not None and found.sd == pytest.approx(expected)
        assert found.freedom == pytest.approx(2 * (expected**2 / (36 * 4 / 3)) ** 2)


def test_equal_trainings_have_no_difference_over_seeds() -> None:
    same = Entry(10.0, drawn(0), 3, 2.0, frozenset({"a", "b", "c"}))
    assert difference_deviation(same, same) == (0.0, math.inf) and p_better(same, same, 1.0) == 0.5
    found = difference_deviation(same, replace(same, files=frozenset({"d", "e", "f"})))
    assert found is not None and found.sd == pytest.approx(2 * math.sqrt(2 / 3))


@pytest.mark.parametrize(("seeds", "others"), [(2, 2), (3, 3), (1, 2), (1, 3), (2, 3)])
def test_equal_methods_are_told_apart_in_a_tenth_of_all_tables_at_most(seeds: int, others: int) -> None:
    """Either of two rows may be bold, with 5 percent each; the normal law would say so in 24 percent for two seeds."""
    random, images = np.random.default_rng(0), np.zeros(3)

    def mean(n: int) -> Entry:
        values = random.normal(size=n)
        return Entry(float(values.mean()), images, n, float(values.std(ddof=1)) if n > 1 else math.nan)

    found = [p_better(mean(seeds), mean(others), 1.0) for _ in range(4000)]
    share = np.mean([p is not None and not 1 - SURE < p < SURE for p in found])
    assert share < 0.115 and (share > 0.085 or seeds > 1), "four deviations of a share of 4000"


def test_degrees_of_freedom_are_those_of_what_is_uncertain() -> None:
    assert combined(Deviation(3.0, 2), Deviation(3.0, 2)) == pytest.approx((math.sqrt(18), 4))
    assert combined(Deviation(3.0, 2), Deviation(0.0)) == pytest.approx((3.0, 2))
    assert combined(Deviation(3.0), Deviation(4.0)) == (5.0, math.inf) and combined() == (0.0, math.inf)


@pytest.mark.parametrize(
    ("mean", "deviation", "expected"),
    [
        *[(1, Deviation(0), 1), (-1, Deviation(0), 0), (0, Deviation(0), 0.5), (0, Deviation(1), 0.5)],
        *[(1.0, Deviation(1), 0.8413), (1.0, Deviation(1, 1), 0.75), (-6.3138, Deviation(1, 1), 0.05)],
        *[(2.9200, Deviation(1, 2), 0.95), (2.1318 * 3, Deviation(3, 4), 0.95), (1.0, Deviation(1, 1e9), 0.8413)],
    ],
)
def test_the_probability_is_that_of_students_variable_and_without_deviation_of_the_order(
    mean: float, deviation: Deviation, expected: float
) -> None:
    assert probability_above(0.0, mean, deviation) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("p", "text"), [(0.97, "P ≥ 0.970"), (0.9994, "P ≥ 0.999"), (0.9996, "P > 0.999"), (1e-9, "P < 0.001")]
)
def test_no_probability_is_one_or_zero_in_print(p: float, text: str) -> None:
    assert probability_text(p, "≥") == text


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
    if any(one.replicates is not None for one in entries.values()):
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
        found = difference_deviation(Entry(0.0, a), Entry(0.0, b))
        assert found is not None
        paired.append(found.sd)
        apart.append(math.hypot(a.std(), b.std()))
    assert abs(np.mean(paired) / true - 1) < 0.15
    assert np.mean(apart) > 4 * true, "numbers of unrelated images would be far less sure"
