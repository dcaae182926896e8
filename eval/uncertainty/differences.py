"""How sure the order of some rows is: the difference of each to the best, and the ranks that it may have.

Rows that translated the same images are drawn alike, so the difference of their replicates, draw by draw, has the
deviation that their difference would have over other images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np

from eval.uncertainty.gram import Matrix

SURE = 0.95
"""The probability from which one number counts as better than another."""
Better = Literal["lower", "higher"]


class Deviation(NamedTuple):
    """A standard deviation with its degrees of freedom: n - 1 where n numbers tell it, infinite where it is known."""

    sd: float
    freedom: float = math.inf


@dataclass(frozen=True)
class Entry:
    """One row's number: the mean over n seeds, and the mean of their replicates, None where there are none.

    `std` is the sample standard deviation over seeds, NaN for one. `files` hold the numbers: rows with equal ones are
    the same trainings.
    """

    value: float
    replicates: Matrix | None = None
    n: int = 1
    std: float = math.nan
    files: frozenset[str] = frozenset()

    def of_seeds(self, std: float, by: float) -> float:
        """Return by x the standard deviation that the mean over seeds has, given that over seeds."""
        return by * std / math.sqrt(self.n)


@dataclass(frozen=True)
class Difference:
    """A row beside the best one, whose own difference is 0; what nothing is known of is None.

    `p_better` is the probability that the row is better than the best one; the best has none. `rank` is 1 for the best
    value, and equal values share it. `rank_low` to `rank_high` are the ranks that no sure comparison excludes,
    None where no row has replicates.
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
    is_resampled = any(entry.replicates is not None for entry in entries.values())
    deviation = difference_deviation(own, top)
    return Difference(
        row=row,
        value=own.value,
        n=own.n,
        best=best,
        difference=own.value - top.value,
        difference_sd=_printed_sd(own, top, deviation),
        p_better=None if row == best else p_better(own, top, sign),
        rank=1 + sum(ahead),
        rank_low=1 + sum(p >= SURE for p in known) if is_resampled else None,
        rank_high=len(entries) - sum(p <= 1 - SURE for p in known) if is_resampled else None,
    )


def _printed_sd(own: Entry, top: Entry, deviation: Deviation | None) -> float | None:
    """Return the deviation of a difference; None where no draw changes it though the trainings are different.

    Other images may still change it.
    """
    if deviation is None:
        return None
    if own is top:
        return 0.0
    return deviation.sd if deviation.sd > 0 or own.files == top.files else None


def p_better(one: Entry, other: Entry, sign: float) -> float | None:
    """Return the probability that one row is better than another; None where a row has no replicates."""
    deviation = difference_deviation(one, other)
    return None if deviation is None else probability_above(0.0, sign * (one.value - other.value), deviation)


def difference_deviation(one: Entry, other: Entry, by_one: float = 1.0, by_other: float = 1.0) -> Deviation | None:
    """Return the deviation of by_one x one - by_other x other; None where that is not known.

    It is that over other images, which both have in common, and over seeds, which they have not.
    """
    if one.replicates is None or other.replicates is None:
        return None
    images = Deviation(float(np.std(by_one * one.replicates - by_other * other.replicates, ddof=1)))
    found = combined(images, *_seeds(one, other, by_one, by_other))
    return None if math.isnan(found.sd) else found


def _seeds(one: Entry, other: Entry, by_one: float, by_other: float) -> list[Deviation]:
    """Return what seeds add: nothing to equal trainings; a row of one seed is taken to vary as the other does."""
    known = [entry for entry in (one, other) if not math.isnan(entry.std)]
    if not known or (one.files and one.files == other.files):
        return []
    if len(known) == 1:
        std, n = known[0].std, known[0].n
        return [Deviation(math.hypot(one.of_seeds(std, by_one), other.of_seeds(std, by_other)), n - 1)]
    return [Deviation(entry.of_seeds(entry.std, by), entry.n - 1) for entry, by in ((one, by_one), (other, by_other))]


def combined(*parts: Deviation) -> Deviation:
    """Add independent deviations in quadrature, with the degrees of freedom of Satterthwaite (1946) and Welch."""
    sd = math.hypot(*(part.sd for part in parts))
    doubt = sum((part.sd / sd) ** 4 / part.freedom for part in parts) if sd else 0.0
    return Deviation(sd, 1 / doubt if doubt else math.inf)


def probability_above(threshold: float, mean: float, deviation: Deviation) -> float:
    """Return the probability that a variable lies above a threshold; without deviation 1, 0, or 0.5 if equal.

    The variable is normal where its deviation is known, and else follows Student's t.
    """
    if deviation.sd == 0:
        return 0.5 + 0.5 * float(np.sign(mean - threshold))
    if math.isinf(deviation.freedom):
        return NormalDist(mean, deviation.sd).cdf(2 * mean - threshold)
    from scipy.special import stdtr  # imported late: a command's --help needs none of it

    return float(stdtr(deviation.freedom, (mean - threshold) / deviation.sd))


def probability_text(probability: float, relation: str = "=") -> str:
    """Return 'P = 0.970', with three digits that are never all that there is: 'P > 0.999', 'P < 0.001'."""
    digits = f"{probability:.3f}"
    return {"1.000": "P > 0.999", "0.000": "P < 0.001"}.get(digits, f"P {relation} {digits}")
