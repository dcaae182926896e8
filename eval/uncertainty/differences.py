"""How sure the order of some rows is: the difference of each to the best, and the ranks that it may have.

Rows that translated the same images are drawn alike, so the difference of their replicates, draw by draw, has the
deviation that their difference would have over other images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from eval.uncertainty.gram import Matrix

SURE = 0.95
"""The probability from which one number counts as better than another."""
Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Entry:
    """One row's number: the mean over n seeds, and the mean of their replicates, None where there are none.

    `seeds_sd` is the standard deviation of the mean over seeds, 0 where nothing is known of it.
    """

    value: float
    replicates: Matrix | None = None
    n: int = 1
    seeds_sd: float = 0.0


@dataclass(frozen=True)
class Difference:
    """A row beside the best one, whose own difference is 0; what nothing is known of is None.

    `p_better` is the probability that the row is better than the best one; the best has none. `rank` is 1 for the best
    value, and equal values share it. `rank_low` to `rank_high` are the ranks that no sure comparison excludes.
    """

    row: str
    value: float
    n: int
    best: str
    difference: float
    difference_sd: float | None
    p_better: float | None
    rank: int
    rank_low: int | None
    rank_high: int | None


def differences(entries: Mapping[str, Entry], better: Better) -> list[Difference]:
    """Compare each row with the best one, of equal ones the first, and each with each other for the ranks.

    A single row is compared with nothing: the list is empty then.
    """
    if len(entries) < 2:
        return []
    sign = -1.0 if better == "lower" else 1.0
    best = max(entries, key=lambda row: sign * entries[row].value)
    return [_difference(row, best, entries, sign) for row in entries]


def _difference(row: str, best: str, entries: Mapping[str, Entry], sign: float) -> Difference:
    own, top = entries[row], entries[best]
    ahead = [sign * (other.value - own.value) > 0 for name, other in entries.items() if name != row]
    above = [p_better(other, own, sign) for name, other in entries.items() if name != row]
    known = [p for p in above if p is not None]
    return Difference(
        row=row,
        value=own.value,
        n=own.n,
        best=best,
        difference=own.value - top.value,
        difference_sd=difference_sd(own, top) if row != best else None if own.replicates is None else 0.0,
        p_better=None if row == best else p_better(own, top, sign),
        rank=1 + sum(ahead),
        rank_low=1 + sum(p >= SURE for p in known) if known else None,
        rank_high=len(entries) - sum(p <= 1 - SURE for p in known) if known else None,
    )


def p_better(one: Entry, other: Entry, sign: float) -> float | None:
    """Return the probability that one row is better than another; None where a row has no replicates."""
    sd = difference_sd(one, other)
    return None if sd is None else probability_above(0.0, sign * (one.value - other.value), sd)


def difference_sd(one: Entry, other: Entry, by_one: float = 1.0, by_other: float = 1.0) -> float | None:
    """Return the standard deviation of by_one x one - by_other x other; None where that is not known.

    It is that over other images, which both have in common, and over seeds, which they have not.
    """
    if one.replicates is None or other.replicates is None:
        return None
    images = float(np.std(by_one * one.replicates - by_other * other.replicates, ddof=1))
    sd = math.hypot(images, by_one * one.seeds_sd, by_other * other.seeds_sd)
    return None if math.isnan(sd) else sd


def probability_above(threshold: float, mean: float, sd: float) -> float:
    """Return the probability that a normal variable lies above a threshold; without deviation 1, 0, or 0.5 if equal."""
    if sd == 0:
        return 0.5 + 0.5 * float(np.sign(mean - threshold))
    return NormalDist(mean, sd).cdf(2 * mean - threshold)
