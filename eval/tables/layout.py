"""From tidy cells to a printed table: rounded numbers, best and second of each column, and why some are missing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import pandas as pd

from eval.published import Published
from eval.tables.cells import CELL
from eval.tables.columns import HEADLINE_SET, METRICS, header, parts
from eval.tables.spec import ColumnSpec, RowSpec, TableSpec

MARK = "†"
"""Behind seconds that were measured on a busy machine."""
PENDING = "pending"
"""Why a number is missing where nothing else is known."""


@dataclass(frozen=True)
class Column:
    """One printed column: one metric, or several printed in one cell."""

    group: str
    task: str
    metrics: tuple[str, ...]
    real_set: str | None = None
    """Another set of real images than the headline's."""

    @property
    def header(self) -> str:
        return header(self.metrics) + (f" ({self.real_set})" if self.real_set else "")

    @property
    def better(self) -> str:
        return METRICS[self.metrics[0]].better

    def sets(self) -> Iterator[tuple[str, str]]:
        """Each metric with its real set."""
        return ((name, METRICS[name].real_set if self.real_set is None else self.real_set) for name in self.metrics)


@dataclass(frozen=True)
class Number:
    """One number as printed: rank 1 is the column's best, 2 its second, 0 anything else."""

    text: str
    published: str = ""
    rank: int = 0


@dataclass(frozen=True)
class Entry:
    """What stands where a row meets a column; `n` seeds are behind it, and `reasons` say why others are not."""

    numbers: tuple[Number, ...]
    n: int
    reasons: tuple[str, ...] = ()

    @property
    def measured(self) -> bool:
        return all(number.text for number in self.numbers)


@dataclass(frozen=True)
class Block:
    """Rows and columns ready to print; `entries[i][j]` belongs to `rows[i]` and `columns[j]`."""

    rows: tuple[RowSpec, ...]
    columns: tuple[Column, ...]
    entries: tuple[tuple[Entry, ...], ...]

    def cells(self) -> Iterator[tuple[RowSpec, Column, Entry]]:
        """Every entry with its row and column."""
        for row, entries in zip(self.rows, self.entries, strict=True):
            for column, entry in zip(self.columns, entries, strict=True):
                yield row, column, entry


@dataclass(frozen=True)
class Summary:
    """Mean over seeds, sample standard deviation (NaN for one seed), number of seeds, and whether they are marked."""

    mean: float
    std: float
    n: int
    marked: bool = False


def headline(spec: TableSpec, cells: pd.DataFrame, published: Published) -> Block:
    """The paper's rows and columns."""
    return _block(spec, spec.rows, headline_columns(spec), cells, published)


def beside(spec: TableSpec, cells: pd.DataFrame) -> Block | None:
    """What belongs beside the headline, for the rows measured so far; None if there is nothing."""
    columns = beside_columns(spec)
    block = _block(spec, spec.rows, columns, cells, {})
    kept = [(row, entries) for row, entries in zip(block.rows, block.entries, strict=True) if any(e.n for e in entries)]
    if not kept:
        return None
    rows, entries = zip(*kept, strict=True)
    return Block(rows, columns, entries)


def headline_columns(spec: TableSpec) -> tuple[Column, ...]:
    """The printed columns in the paper's order."""
    return tuple(Column(c.header, c.task, parts(name)) for c in spec.columns for name in c.metrics)


def beside_columns(spec: TableSpec) -> tuple[Column, ...]:
    """FID and P&R on the full real set, exact recall beside recall, pixel and class accuracy beside mAP."""
    return tuple(column for c in spec.columns for column in _beside_task(c))


def _beside_task(column: ColumnSpec) -> Iterator[Column]:
    metrics = [metric for name in column.metrics for metric in parts(name)]
    if "mAP" in metrics:
        yield Column(column.header, column.task, ("pixAcc",))
        yield Column(column.header, column.task, ("classAcc",))
    if "recall" in metrics:
        yield Column(column.header, column.task, ("recall_exact",))
        yield Column(column.header, column.task, ("precision", "recall"), "full")
    if "FID" in metrics:
        yield Column(column.header, column.task, ("FID",), "full")


def _block(
    spec: TableSpec,
    rows: tuple[RowSpec, ...],
    columns: tuple[Column, ...],
    cells: pd.DataFrame,
    published: Published,
) -> Block:
    summaries, gaps = summarise(cells), missing(cells)
    by_column = [[_entry(spec, row, column, summaries, gaps, published) for row in rows] for column in columns]
    ranked = [_rank(column, entries) for column, entries in zip(columns, by_column, strict=True)]
    return Block(rows, columns, tuple(zip(*ranked, strict=True)))


def summarise(cells: pd.DataFrame) -> dict[tuple[str, ...], Summary]:
    """The summary of each cell that has a value, by (table, row, task, metric, real set)."""
    measured = cells.dropna(subset=["value"]).groupby(CELL)
    table = measured.agg(mean=("value", "mean"), std=("std", "first"), n=("n", "first"), mark=("mark", "max"))
    lines = cast("Iterator[tuple[tuple[str, ...], float, float, int, str]]", table.itertuples(name=None))
    return {place: Summary(mean, std, int(n), bool(mark)) for place, mean, std, n, mark in lines}


def missing(cells: pd.DataFrame) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Why there is no value, for each seed that has none, by (table, row, task, metric, real set)."""
    absent = cells[cells["value"].isna()]
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for *place, reason in absent[[*CELL, "reason"]].itertuples(index=False, name=None):
        found[tuple(place)] = (*found.get(tuple(place), ()), reason or PENDING)
    return found


def _entry(
    spec: TableSpec,
    row: RowSpec,
    column: Column,
    summaries: dict[tuple[str, ...], Summary],
    gaps: dict[tuple[str, ...], tuple[str, ...]],
    published: Published,
) -> Entry:
    places = [(spec.key, row.key, column.task, metric, real_set) for metric, real_set in column.sets()]
    found = [summaries.get(place) for place in places]
    numbers = (
        Number(
            format_summary(summary, place[3]), published.get(place[:4], "") if place[4] in ("", HEADLINE_SET) else ""
        )
        for summary, place in zip(found, places, strict=True)
    )
    reasons = max((gaps.get(place, ()) for place in places), key=len)
    return Entry(tuple(numbers), min(summary.n if summary else 0 for summary in found), reasons)


def format_summary(summary: Summary | None, metric: str) -> str:
    """'39.1', or '39.1 ± 0.4' over seeds, with a mark where they have one; empty for nothing."""
    if summary is None:
        return ""
    decimals = decimals_for(summary.mean, metric)
    spread = "" if math.isnan(summary.std) else f" ± {summary.std:.{decimals}f}"
    return f"{summary.mean:.{decimals}f}{spread}{f' {MARK}' * summary.marked}"


def decimals_for(value: float, metric: str) -> int:
    """The metric's decimals, or as many more as its significant digits need: 0.0123 hours keep 0.012."""
    wanted = METRICS[metric]
    if not value or not wanted.significant:
        return wanted.decimals
    return max(wanted.decimals, wanted.significant - 1 - math.floor(math.log10(abs(value))))


def _rank(column: Column, entries: Sequence[Entry]) -> list[Entry]:
    """The entries of one column, each of their numbers ranked against the same metric of the other rows."""
    orders = [ranks([entry.numbers[i].text for entry in entries], column.better) for i in range(len(column.metrics))]
    return [
        replace(
            entry,
            numbers=tuple(
                Number(number.text, number.published, order[i])
                for number, order in zip(entry.numbers, orders, strict=True)
            ),
        )
        for i, entry in enumerate(entries)
    ]


def ranks(texts: Sequence[str], better: str) -> list[int]:
    """1 for the best, 2 for the second, 0 for the rest, compared as printed: equal digits share a rank.

    A column whose numbers are all equal, or that has only one, gets no rank.
    """
    means = [float(text.split(" ")[0]) if text else None for text in texts]
    distinct = {mean for mean in means if mean is not None}
    order = sorted(distinct, reverse=better == "higher")[:2] if len(distinct) > 1 else []
    return [order.index(mean) + 1 if mean in order else 0 for mean in means]
