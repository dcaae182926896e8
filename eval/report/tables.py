"""A printed table for the page: each number with its difference, its delta and the runs behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pandas as pd

from eval.report.model import BlockView, CellView, ColumnView, RowView, TableView, inputs_anchor, run_anchor
from eval.tables.columns import METRICS
from eval.tables.differences import difference_text
from eval.tables.layout import Column, TableBlock, TableCell, decimals_for
from eval.tables.render import HTML, HTML_PAPERS, Page, published_text
from eval.tables.spec import REFERENCE_ROW, RowSpec

Place = tuple[str, str, str, str]
"""Row, task, metric and real set."""
Lines = Mapping[Place, pd.DataFrame]
"""Tidy lines by their place."""
PLACE = ["row", "task", "metric", "real_set"]


def table_view(page: Page, cells: pd.DataFrame) -> TableView:
    """Return a table from its page and its tidy cells."""
    lines = {cast("Place", key): found for key, found in cells.groupby(PLACE, sort=False)}
    return TableView(
        name=page.name,
        title=page.title,
        legend=page.legend(HTML.bold.format("bold"), HTML.underlined.format("underlined"), HTML_PAPERS),
        row_header=page.spec.row_header,
        headline=_block(page, page.headline, lines),
        supplementary=_block(page, page.supplementary, lines) if page.supplementary else None,
        footer=page.footer,
    )


def _block(page: Page, block: TableBlock, lines: Lines) -> BlockView:
    distance = page.provenance.distance
    columns = [ColumnView(one.task, one.group, one.header(distance), one.better) for one in block.columns]
    rows = [
        RowView(_label(page, row), _method(row), [_cell(page, row, *pair, lines) for pair in _pairs(block, cells)])
        for row, cells in block.lines()
    ]
    return BlockView(columns, rows)


def _pairs(block: TableBlock, cells: tuple[TableCell, ...]) -> list[tuple[Column, TableCell]]:
    return list(zip(block.columns, cells, strict=True))


def _label(page: Page, row: RowSpec) -> str:
    return f"{row.key}: {row.label}" if page.spec.show_keys and row is not REFERENCE_ROW else row.label


def _method(row: RowSpec) -> str:
    return "" if row is REFERENCE_ROW else row.method


def _cell(page: Page, row: RowSpec, column: Column, cell: TableCell, lines: Lines) -> CellView:
    places = [(row.key, column.task, name, real_set) for name, real_set in column.sets()]
    found = [known for place in places if (known := _known(lines, place)) is not None]
    first = found[0] if found else None
    return CellView(
        values=cell.values if cell.measured else (),
        published=published_text(cell),
        spread=" & ".join(value.seeds for value in cell.values if value.seeds),
        difference=_differences(page, row, column),
        delta=_deltas(found, column),
        runs=_runs(found, column.task) if cell.measured else (),
        order=None if first is None else float(first["value"].mean()),
        delta_order=_mean_delta(first),
        reason="; ".join(dict.fromkeys(cell.reasons)),
    )


def _known(lines: Lines, place: Place) -> pd.DataFrame | None:
    """Return the lines of a place that have a number; None where there is none."""
    found = lines.get(place)
    known = None if found is None else found[found["value"].notna()]
    return known if known is not None and len(known) else None


def _differences(page: Page, row: RowSpec, column: Column) -> str:
    """Return each metric's difference to the best row."""
    compared = ((name, page.compared.get((column.task, name, real), {})) for name, real in column.sets())
    return " & ".join(text for name, lines in compared if (text := difference_text(lines.get(row.key), name)))


def _deltas(found: list[pd.DataFrame], column: Column) -> str:
    """Return each metric's mean delta with a sign; empty where one has none."""
    deltas = [_mean_delta(lines) for lines in found]
    pairs = zip(deltas, column.metrics, strict=False)
    texts = [f"{delta:+.{_decimals(delta, name)}f}" for delta, name in pairs if delta is not None]
    return " & ".join(texts) if len(texts) == len(column.metrics) else ""


def _decimals(delta: float, metric: str) -> int:
    return decimals_for(delta, metric) if METRICS[metric].significant else METRICS[metric].decimals


def _mean_delta(lines: pd.DataFrame | None) -> float | None:
    known = None if lines is None else lines["delta"].dropna()
    return float(known.mean()) if known is not None and len(known) else None


def _runs(found: list[pd.DataFrame], task: str) -> list[tuple[str, str]]:
    """Return the runs behind a cell, by their seeds; of untranslated inputs the task's."""
    lines = pd.concat(found)[["seed", "run"]].drop_duplicates().sort_values("seed")
    runs = [(str(seed), run_anchor(run)) for seed, run in lines.itertuples(index=False, name=None) if run]
    return runs or [("inputs", inputs_anchor(task))]
