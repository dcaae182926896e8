"""From tidy cells to a printed table: rounded numbers, marks within each column, and why some are missing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from eval.extractors import FID
from eval.published import Published
from eval.tables.columns import HEADLINE_SET, METRICS, OF_BESIDE, header, parts
from eval.tables.marks import Mark, marks
from eval.tables.spec import REFERENCE_ROW, ColumnSpec, RowSpec, TableSpec
from eval.tables.summaries import Place, Summary, missing, summarise
from eval.uncertainty.differences import Better, Difference

MARK = "†"
"""Behind seconds that were measured on a busy machine."""


Compared = Mapping[tuple[str, str, str], Mapping[str, Difference]]
"""The differences to the best by task, metric and real set, and by row."""


@dataclass(frozen=True)
class Column:
    """One printed column: one metric, or several printed in one cell."""

    group: str
    task: str
    metrics: tuple[str, ...]
    real_set: str | None = None
    """Another set of real images than the headline's."""

    def header(self, distance: str = FID) -> str:
        """Return the printed header, with the Fréchet distance's name; and with a real set that is not the headline's.

        The paper's own header has FID.
        """
        return header(self.metrics, distance) + (f" ({self.real_set})" if self.real_set else "")

    @property
    def better(self) -> Better:
        """Which values are better: lower or higher."""
        return METRICS[self.metrics[0]].better

    def sets(self) -> Iterator[tuple[str, str]]:
        """Return each metric with the set of real images that the metric compares with."""
        return ((name, METRICS[name].real_set if self.real_set is None else self.real_set) for name in self.metrics)


@dataclass(frozen=True)
class Value:
    """One number as printed, with the digits of its spread over seeds, empty for one seed."""

    text: str
    published: str = ""
    seeds: str = ""
    mark: Mark = ""


@dataclass(frozen=True)
class TableCell:
    """The values where a row meets a column; `n` seeds are behind them, and `reasons` say why others are not."""

    values: tuple[Value, ...]
    n: int
    reasons: tuple[str, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether every value is there."""
        return all(value.text for value in self.values)


@dataclass(frozen=True)
class TableBlock:
    """Rows and columns ready to print; `cells[i][j]` belongs to `rows[i]` and `columns[j]`.

    `reference` has the cells of the untranslated inputs, which have no rank; it is empty where they were not asked for.
    """

    rows: tuple[RowSpec, ...]
    columns: tuple[Column, ...]
    cells: tuple[tuple[TableCell, ...], ...]
    reference: tuple[TableCell, ...] = ()

    def lines(self) -> Iterator[tuple[RowSpec, tuple[TableCell, ...]]]:
        """Return every row with its cells, the untranslated inputs last."""
        yield from zip(self.rows, self.cells, strict=True)
        if self.reference:
            yield REFERENCE_ROW, self.reference

    def places(self) -> Iterator[tuple[RowSpec, Column, TableCell]]:
        """Return every cell of a method with the row and the column."""
        for row, cells in zip(self.rows, self.cells, strict=True):
            for column, cell in zip(self.columns, cells, strict=True):
                yield row, column, cell


def headline(spec: TableSpec, cells: pd.DataFrame, published: Published, compared: Compared) -> TableBlock:
    """Return the paper's rows and columns, marked by what is known of their differences."""
    return _block(spec, headline_columns(spec), cells, published, compared)


def supplementary(spec: TableSpec, cells: pd.DataFrame, compared: Compared) -> TableBlock | None:
    """Return what supplements the headline, for the rows and columns measured so far; None if there is nothing."""
    columns = tuple(column for column in supplementary_columns(spec) if _is_measured(column, cells))
    if not columns:
        return None
    block = _block(spec, columns, cells, {}, compared)
    kept = [(row, line) for row, line in zip(block.rows, block.cells, strict=True) if any(cell.n for cell in line)]
    if not kept:
        return None
    rows, lines = zip(*kept, strict=True)
    reference = block.reference if any(cell.n for cell in block.reference) else ()
    return TableBlock(rows, columns, lines, reference)


def headline_columns(spec: TableSpec) -> tuple[Column, ...]:
    """Return the printed columns in the paper's order."""
    return tuple(Column(c.header, c.task, parts(name)) for c in spec.columns for name in c.metrics)


def supplementary_columns(spec: TableSpec) -> tuple[Column, ...]:
    """Return columns for FID and P&R on the full real set, exact recall, and pixel and class accuracy.

    Also for what features tell beyond the paper's metrics: KID, density and coverage, content kept, and the distances
    of further extractors. What the headline prints is left out.
    """
    shown = {(column.task, *each) for column in headline_columns(spec) for each in column.sets()}
    columns = (column for c in spec.columns for column in _supplementary_of(c))
    return tuple(column for column in columns if not shown.issuperset((column.task, *each) for each in column.sets()))


def _supplementary_of(column: ColumnSpec) -> Iterator[Column]:
    metrics = [metric for name in column.metrics for metric in parts(name)]
    if "mAP" in metrics:
        yield Column(column.header, column.task, ("pixAcc",))
        yield Column(column.header, column.task, ("classAcc",))
    if "recall" in metrics:
        yield Column(column.header, column.task, ("recall_exact",))
        yield Column(column.header, column.task, ("precision", "recall"), "full")
    if "FID" in metrics:
        yield Column(column.header, column.task, ("FID",), "full")
        beyond = ("KID", "D&C", "content_cosine", *OF_BESIDE)
        yield from (Column(column.header, column.task, parts(name)) for name in beyond)


def _is_measured(column: Column, cells: pd.DataFrame) -> bool:
    lines = cells[(cells["task"] == column.task) & cells["metric"].isin(column.metrics)]
    return bool(lines["value"].notna().any())


def _block(
    spec: TableSpec, columns: tuple[Column, ...], cells: pd.DataFrame, published: Published, compared: Compared
) -> TableBlock:
    summaries, reasons = summarise(cells), missing(cells)
    by_column = [
        [_cell(_places(spec, row, column), summaries, reasons, published) for row in spec.rows] for column in columns
    ]
    marked = [_marked(spec, column, line, compared) for column, line in zip(columns, by_column, strict=True)]
    known = [_cell(_places(spec, REFERENCE_ROW, column), summaries, reasons, {}) for column in columns]
    reference = known if REFERENCE_ROW.key in set(cells["row"]) else []
    return TableBlock(spec.rows, columns, tuple(zip(*marked, strict=True)), tuple(reference))


def _places(spec: TableSpec, row: RowSpec, column: Column) -> list[Place]:
    return [(spec.key, row.key, column.task, metric, real_set) for metric, real_set in column.sets()]


def _cell(
    places: Sequence[Place],
    summaries: Mapping[Place, Summary],
    reasons: Mapping[Place, tuple[str, ...]],
    published: Published,
) -> TableCell:
    found = [summaries.get(place) for place in places]
    values = tuple(
        Value(format_summary(summary, place[3]), _published(published, place), seeds_spread(summary, place[3]))
        for summary, place in zip(found, places, strict=True)
    )
    longest = max((reasons.get(place, ()) for place in places), key=len)
    return TableCell(values, min(summary.n if summary else 0 for summary in found), longest)


def _published(published: Published, place: Place) -> str:
    """Return the paper's number, empty where the paper has none for this set of real images."""
    *key, real_set = place
    table, row, task, metric = key
    return published.get((table, row, task, metric), "") if real_set in ("", HEADLINE_SET) else ""


def format_summary(summary: Summary | None, metric: str) -> str:
    """Return '39.1', or '39.1 ± 1.5' over other images, with a mark where seeds have one; empty for nothing."""
    if summary is None:
        return ""
    decimals = decimals_for(summary.mean, metric)
    spread = "" if math.isnan(summary.sampling_sd) else f" ± {summary.sampling_sd:.{decimals}f}"
    return f"{summary.mean:.{decimals}f}{spread}{f' {MARK}' * summary.marked}"


def seeds_spread(summary: Summary | None, metric: str) -> str:
    """Return the digits of the standard deviation over seeds, empty for one seed or none."""
    if summary is None or math.isnan(summary.std):
        return ""
    return f"{summary.std:.{decimals_for(summary.mean, metric)}f}"


def decimals_for(value: float, metric: str) -> int:
    """Return the metric's decimals, or as many more as significant digits need: 0.0123 hours keep 0.012."""
    wanted = METRICS[metric]
    if not value or not wanted.significant:
        return wanted.decimals
    return max(wanted.decimals, wanted.significant - 1 - math.floor(math.log10(abs(value))))


def _marked(spec: TableSpec, column: Column, cells: Sequence[TableCell], compared: Compared) -> list[TableCell]:
    """Mark each value of one column's cells against the same metric of the other rows."""
    by_metric = zip(*(cell.values for cell in cells), strict=True)
    lines = [compared.get((column.task, metric, real_set), {}) for metric, real_set in column.sets()]
    told = [[line.get(row.key) for row in spec.rows] for line in lines]
    found = [
        marks([value.text for value in values], column.better, differences, spec.marks)
        for values, differences in zip(by_metric, told, strict=True)
    ]
    return [
        replace(cell, values=tuple(replace(v, mark=mark[i]) for v, mark in zip(cell.values, found, strict=True)))
        for i, cell in enumerate(cells)
    ]
