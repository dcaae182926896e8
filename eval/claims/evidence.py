"""Numbers that claims are held against: the paper's as printed, or measured ones, each with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import pandas as pd

from eval.claims.spec import Place
from eval.published import Published
from eval.tables.cells import CELL_KEY
from eval.tables.columns import HEADLINE_SET, METRICS
from eval.tables.summaries import ByFile, entries, missing
from eval.uncertainty.differences import Deviation, Entry, combined

NOT_PLANNED = "not in these tables"
QUARTILES = 1.349
"""The interquartile range of a normal distribution, in standard deviations."""


@dataclass(frozen=True)
class Spread:
    """The standard deviation of a number, and of what: `seeds`, `test images`, `steps`, or nothing of the kind.

    Its degrees of freedom are infinite where seeds take no part.
    """

    sd: float
    of: str = ""
    freedom: float = math.inf

    def times(self, factor: float) -> Deviation:
        """Return the deviation of the number multiplied by a factor."""
        return Deviation(self.sd * factor, self.freedom)


EXACT = Spread(0.0)
"""The spread of what is counted, or taken as printed."""


@dataclass(frozen=True)
class Number:
    """A number; its spread is None where nothing is known of it, and so is what other draws of its images give."""

    value: float
    spread: Spread | None
    resampled: Entry | None = None


@dataclass(frozen=True)
class Evidence:
    """Numbers by place, and why others are missing: by place, or for a whole table."""

    numbers: Mapping[Place, Number]
    reasons: Mapping[Place, str] = field(default_factory=dict)
    table_reasons: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = NOT_PLANNED

    def reason(self, place: Place) -> str:
        """Return why a place has no number."""
        return self.reasons.get(place) or self.table_reasons.get(place[0]) or self.otherwise


def printed(published: Published) -> Evidence:
    """Return the paper's numbers, exact as printed."""
    numbers = {place: Number(float(text), EXACT) for place, text in published.items()}
    return Evidence(numbers, otherwise="the paper prints no number")


def measured(
    cells: pd.DataFrame, table_reasons: Mapping[str, str] | None = None, replicates: ByFile | None = None
) -> Evidence:
    """Return the measured numbers of tidy cells, means over seeds, against the headline's real set.

    `table_reasons` say of tables without cells why they have none. `replicates` are those of the cells' files.
    """
    headline = cells[cells["real_set"].isin(["", HEADLINE_SET]) & cells["metric"].isin(list(METRICS))]
    compared = {place[:4]: entry for place, entry in entries(headline, replicates or {}).items()}
    numbers: dict[Place, Number] = {}
    for key, lines in headline.dropna(subset=["value"]).groupby(CELL_KEY[:4]):
        place = cast("Place", key)
        entry = compared[place]
        numbers[place] = Number(entry.value, spread(lines), entry if entry.replicates is not None else None)
    reasons = {place[:4]: "; ".join(dict.fromkeys(texts)) for place, texts in missing(headline).items()}
    return Evidence(numbers, reasons, table_reasons or {})


def spread(cell: pd.DataFrame) -> Spread | None:
    """Return the spread of a cell's mean, from the lines of the seeds that have a value; None if nothing is known.

    Seeds vary independently, so their standard deviation is divided by the root of their number. All seeds share the
    test images, so the standard deviation over these (`sampling_sd`) is not divided. Seconds have
    the spread of one step, from the interquartile range; what is counted has none.
    """
    metric = cell["metric"].iloc[0]
    if metric == "model_size_millions":
        return EXACT
    if METRICS[metric].source == "timing":
        iqr = cell["iqr"].iloc[0]
        return None if math.isnan(iqr) else Spread(iqr / QUARTILES, "steps")
    seeds = Deviation(float(cell["std"].iloc[0]) / math.sqrt(len(cell)), len(cell) - 1)
    parts = {"seeds": seeds, "test images": Deviation(float(cell["sampling_sd"].mean()))}
    known = {name: part for name, part in parts.items() if not math.isnan(part.sd)}
    found = combined(*known.values())
    return Spread(found.sd, " and ".join(known), found.freedom) if known else None
