"""From a claim's check to comparisons of two cells, and what two numbers say of one comparison."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

from eval.claims.evidence import Evidence, Number
from eval.claims.spec import About, Best, Check, Comparison, Order, Place
from eval.published import Published
from eval.tables.columns import METRICS
from eval.uncertainty.differences import Deviation, combined, difference_deviation, probability_above


@dataclass(frozen=True)
class Finding:
    """What two numbers say of a comparison.

    `margin` is positive where the comparison holds, in the unit of what is compared. `probability` that the comparison
    holds is None where nothing is known of a spread. `spreads` names what the spreads are of.
    """

    margin: float
    probability: float | None
    values: tuple[float, float]
    spreads: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """The number at `left` lies below the number at `right`, or above it."""

    left: Place
    right: Place
    lower: bool

    def finding(self, left: Number, right: Number) -> Finding:
        """Return by how much the two lie as they should, by Student's t of their difference."""
        margin = right.value - left.value if self.lower else left.value - right.value
        found, of = _spread(self, left, right, 1.0, 1.0)
        return Finding(margin, None if found is None else _holds(margin, found), (left.value, right.value), of)


@dataclass(frozen=True)
class Quotient:
    """The number at `left`, divided by the number at `right`, is about a value; in percent, 100 (1 - it) is."""

    left: Place
    right: Place
    value: float
    tolerance: float
    percent: bool

    def measure(self, left: float, right: float) -> float:
        """Return the quotient, or by how many percent the left number is less."""
        return 100 * (1 - left / right) if self.percent else left / right

    def finding(self, left: Number, right: Number) -> Finding:
        """Return how far within the tolerance the quotient is, to first order, by Student's t."""
        if right.value == 0:
            return Finding(-math.inf, 0.0, (left.value, right.value), ())
        found, unit = self.measure(left.value, right.value), 100 if self.percent else 1
        margin = self.tolerance - abs(found - self.value)
        if math.isclose(margin, 0.0, abs_tol=1e-12):
            margin = 0.0
        deviation, of = _spread(self, left, right, unit / right.value, unit * left.value / right.value**2)
        probability = None if deviation is None else self._within(found, margin, deviation)
        return Finding(margin, probability, (left.value, right.value), of)

    def _within(self, found: float, margin: float, deviation: Deviation) -> float:
        if deviation.sd == 0:
            return float(margin >= 0)
        low, high = self.value - self.tolerance, self.value + self.tolerance
        return max(0.0, probability_above(low, found, deviation) - probability_above(high, found, deviation))


Part = Difference | Quotient
"""A comparison of two cells; a check is the conjunction of its parts."""


def parts(check: Check, published: Published) -> list[Part]:
    """Return the comparisons that a check consists of; the best of a table is so among the rows that the paper has."""
    if isinstance(check, About):
        return [Quotient(check.of, check.to, check.value, check.tolerance, check.kind == "percent_less")]
    places = product(check.tasks, check.metrics)
    return [part for task, metric in places for part in _at(check, task, metric, published)]


def _at(check: Comparison | Best | Order, task: str, metric: str, published: Published) -> Iterator[Part]:
    lower = METRICS[metric].better == "lower" if isinstance(check, Best | Order) else check.kind == "lower"
    for left, right in _rows(check, task, metric, published):
        yield Difference((check.table, left, task, metric), (check.table, right, task, metric), lower)


def _rows(check: Comparison | Best | Order, task: str, metric: str, published: Published) -> Iterator[tuple[str, str]]:
    if isinstance(check, Order):
        yield from pairwise(check.rows)
    elif isinstance(check, Comparison):
        yield from ((check.row, other) for other in check.than)
    else:
        here = [row for table, row, at, name in published if (table, at, name) == (check.table, task, metric)]
        yield from ((check.row, other) for other in here if other != check.row)


def find(part: Part, evidence: Evidence) -> Finding | None:
    """Return what the evidence says of a comparison; None where one of the numbers is missing."""
    left, right = evidence.numbers.get(part.left), evidence.numbers.get(part.right)
    return part.finding(left, right) if left and right else None


def _spread(
    part: Part, left: Number, right: Number, by_left: float, by_right: float
) -> tuple[Deviation | None, tuple[str, ...]]:
    """Return the deviation of a function of two numbers, given its derivatives' sizes, and of what it is.

    Numbers of one task and metric whose images were resampled alike are paired, others independent.
    """
    one, other = left.resampled, right.resampled
    if one and other and part.left[2:] == part.right[2:]:
        found = difference_deviation(one, other, by_left, by_right)
        is_of_seeds = found is not None and not math.isinf(found.freedom)
        return found, ("seeds and paired test images" if is_of_seeds else "paired test images",)
    of = tuple(dict.fromkeys(number.spread.of for number in (left, right) if number.spread and number.spread.of))
    if left.spread is None or right.spread is None:
        return None, of
    return combined(left.spread.times(by_left), right.spread.times(by_right)), of


def _holds(margin: float, deviation: Deviation) -> float:
    """Return the probability that a margin is above 0; without a deviation equal numbers are no difference."""
    return probability_above(0.0, margin, deviation) if deviation.sd else float(margin > 0)
