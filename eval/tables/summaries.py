"""Cells over their seeds: mean, spreads and replicates of those that have a value, and why others have none."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from eval.tables.cells import CELL_KEY
from eval.uncertainty.gram import Matrix
from eval.uncertainty.records import Replicates, drawn, place

Place = tuple[str, str, str, str, str]
"""Table, row, task, metric and real set of a cell."""
ByFile = Mapping[str, Replicates]
"""Replicates by what the lines of cells say in `file`."""
PENDING = "pending"
"""Reason of a missing number where nothing else is known."""


@dataclass(frozen=True)
class Summary:
    """A cell over its n seeds, of which a busy machine marks some or none.

    `std` is the sample standard deviation over seeds, NaN for one; `sampling_sd` that over other images, NaN where
    nothing is known of it.
    """

    mean: float
    std: float
    n: int
    marked: bool = False
    sampling_sd: float = math.nan

    @property
    def seeds_sd(self) -> float:
        """The standard deviation of the mean over seeds, 0 where nothing is known of it."""
        return 0.0 if math.isnan(self.std) else self.std / math.sqrt(self.n)


def summarise(cells: pd.DataFrame) -> dict[Place, Summary]:
    """Summarise each cell that has a value; all seeds have the same images, so their deviations are not divided."""
    measured = cells.dropna(subset=["value"]).groupby(CELL_KEY)
    table = measured.agg(
        mean=("value", "mean"),
        std=("std", "first"),
        n=("n", "first"),
        mark=("mark", "max"),
        sampling_sd=("sampling_sd", "mean"),
    )
    lines = cast("Iterator[tuple[Place, float, float, int, str, float]]", table.itertuples(name=None))
    return {place: Summary(mean, std, int(n), bool(mark), sd) for place, mean, std, n, mark, sd in lines}


def missing(cells: pd.DataFrame) -> dict[Place, tuple[str, ...]]:
    """Return why there is no value, for each seed that has none."""
    absent = cells[cells["value"].isna()]
    found: dict[Place, tuple[str, ...]] = {}
    for *key, reason in absent[[*CELL_KEY, "reason"]].itertuples(index=False, name=None):
        at = cast("Place", tuple(key))
        found[at] = (*found.get(at, ()), reason or PENDING)
    return found


def mean_replicates(cells: pd.DataFrame, replicates: ByFile) -> dict[Place, Matrix]:
    """Return the replicates of each cell of which every seed has some, means over the seeds, which are drawn alike."""
    found: dict[Place, Matrix] = {}
    for key, lines in cells.dropna(subset=["value"]).groupby(CELL_KEY):
        *_, metric, real_set = cast("Place", key)
        name = place(real_set, drawn(metric))
        known = [one[name] for file in lines["file"] if name in (one := replicates.get(file, {}))]
        if len(known) == len(lines):
            found[cast("Place", key)] = np.mean(known, axis=0)
    return found
