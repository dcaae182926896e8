"""Cells over their seeds: mean, spreads and replicates of those that have a value, and why others have none."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from eval.tables.cells import CELL_KEY
from eval.uncertainty.differences import Entry
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


def entries(cells: pd.DataFrame, replicates: ByFile) -> dict[Place, Entry]:
    """Return each cell that has a value as one that can be compared with others, a mean over its seeds."""
    found: dict[Place, Entry] = {}
    for key, lines in cells.dropna(subset=["value"]).groupby(CELL_KEY):
        at, value, std = cast("Place", key), float(lines["value"].mean()), float(lines["std"].iloc[0])
        resampled = _mean_replicates(at, lines["file"], replicates)
        found[at] = Entry(value, resampled, len(lines), std, frozenset(lines["file"]))
    return found


def _mean_replicates(at: Place, files: pd.Series, replicates: ByFile) -> Matrix | None:
    """Return the mean over seeds, which are drawn alike; None where a seed has no replicates."""
    *_, metric, real_set = at
    name = place(real_set, drawn(metric))
    known = [one[name] for file in files if name in (one := replicates.get(file, {}))]
    return np.mean(known, axis=0) if len(known) == len(files) else None
