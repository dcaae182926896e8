"""The table of the authors' generators: a line for each task, generator and metric, the printed numbers beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from eval.published import Published, read_published
from eval.released.planned import ReleasedTable
from eval.released.render import FORMATS, Line, Page
from eval.tables.cells import in_print, save_cells
from eval.tables.columns import HEADLINE_SET
from eval.tables.differences import is_sure, save_differences
from eval.tables.gaps import gaps, reference_line
from eval.tables.layout import Column, TableBlock, TableCell, decimals_for, headline
from eval.tables.protocol import ProtocolLine, Provenance
from eval.tables.spec import REFERENCE_ROW, ColumnSpec, RowSpec
from eval.tables.write import Numbers, read_numbers, write_files

AUTHORS, INPUTS = "authors", "inputs"
"""The `source` of a number in the tidy cells: a published generator, or the untranslated inputs."""
Printed = dict[tuple[str, str, str], str]
"""Numbers as printed, by (row, task, metric)."""


def write_released(table: ReleasedTable, published: Path, out: Mapping[str, Path], provenance: Provenance) -> Page:
    """Write the table to the files of `out`: csv, md, tex, html, `cells` for the tidy lines, and `differences`.

    Returns the page. Raises UserError as `eval.tables.write.write_table` does.
    """
    about, own = provenance, own_numbers(table)
    paper = paper_numbers(read_published(published), table)
    found = read_numbers(table.spec, table.planned, paper, about)
    blocks = [block for column in table.spec.columns if (block := _block(table, column, found, paper))]
    page = Page(
        title=table.spec.title,
        name=table.spec.name,
        lines=tuple(line for block in blocks for line in _lines(block, about, own, _deltas(found.cells))),
        footer=tuple(_footer(table, blocks, found.protocol, about)),
        comparable=about.comparable,
        is_sure=is_sure(found.compared),
    )
    saved = {
        "cells": lambda path: save_cells(in_print(_with_source(found.cells, own), about.distance), path),
        "differences": lambda path: save_differences(table.spec, found.compared, about.distance, path),
    }
    write_files(out, FORMATS, page, saved)
    return page


def paper_numbers(published: Published, table: ReleasedTable) -> Published:
    """Return the paper's numbers of the table's rows, of the first of the paper's tables that prints each."""
    rows = {variant.published: row for row, variant in table.variants.items() if variant.published}
    found: dict[tuple[str, str, str, str], str] = {}
    for (_, row, task, metric), value in published.items():
        if row in rows:
            found.setdefault((table.spec.key, rows[row], task, metric), value)
    return found


def own_numbers(table: ReleasedTable) -> Printed:
    """Return what the methods' own papers print, by (row, task, metric)."""
    return {
        (row, task, metric): value
        for row, variant in table.variants.items()
        for task, metrics in variant.own_paper.items()
        for metric, value in metrics.items()
    }


def _block(table: ReleasedTable, column: ColumnSpec, found: Numbers, paper: Published) -> TableBlock | None:
    """Lay out one task, for the rows that have a generator for it; None where there is none."""
    planned = {cell.row for cell in table.planned if cell.task == column.task}
    rows = tuple(row for row in table.spec.rows if row.key in planned)
    spec = table.spec.model_copy(update={"rows": rows, "columns": (column,)})
    cells = found.cells[found.cells["task"] == column.task]
    return headline(spec, cells, paper, found.compared) if rows else None


def _lines(block: TableBlock, about: Provenance, own: Printed, deltas: Printed) -> Iterator[Line]:
    """Yield a task's lines, metric by metric, with the untranslated inputs below the generators."""
    lines = list(block.lines())
    for at, column in enumerate(block.columns):
        for row, cells in lines:
            yield _line(row, column, cells[at], about, own, deltas)


def _line(
    row: RowSpec,
    column: Column,
    cell: TableCell,
    about: Provenance,
    own: Printed,
    deltas: Printed,
) -> Line:
    places = [(row.key, column.task, metric) for metric in column.metrics]
    return Line(
        group=column.group,
        task=column.task,
        row=row.key,
        label=row.label,
        metric=column.header(about.distance),
        better=column.better,
        own=_joined(own.get(place, "") for place in places),
        cell=cell,
        delta=_joined(deltas.get(place, "") for place in places),
    )


def _joined(texts: Iterator[str]) -> str:
    return " & ".join(filter(None, texts))


def _deltas(cells: pd.DataFrame) -> Printed:
    """Return measured minus published of the headline's numbers, with the digits of the number and a sign."""
    found = cells[cells["real_set"].isin(["", HEADLINE_SET])].dropna(subset=["delta"])
    lines = found[["row", "task", "metric", "value", "delta"]].itertuples(index=False, name=None)
    return {
        (row, task, metric): f"{delta:+.{decimals_for(value, metric)}f}" for row, task, metric, value, delta in lines
    }


def _with_source(cells: pd.DataFrame, own: Printed) -> pd.DataFrame:
    """Add the source of each number, and what the method's own paper prints."""
    headlines = cells["real_set"].isin(["", HEADLINE_SET])
    places = zip(cells["row"], cells["task"], cells["metric"], strict=True)
    numbers = [own.get(place, "") for place in places]
    sources = [INPUTS if row == REFERENCE_ROW.key else AUTHORS for row in cells["row"]]
    return cells.assign(source=sources, own_paper=pd.Series(numbers, index=cells.index).where(headlines, ""))


def _footer(
    table: ReleasedTable, blocks: list[TableBlock], made: list[ProtocolLine], about: Provenance
) -> Iterator[ProtocolLine]:
    for block in blocks:
        yield from ((key, f"{block.columns[0].group}: {text}") for key, text in gaps(block))
    yield from dict.fromkeys(line for block in blocks for line in reference_line(block, about.distance))
    for row in table.spec.rows:
        if files := table.files.get(row.key):
            yield "Authors' file", f"{row.label}: {', '.join(files)}"
    for variant in table.variants.values():
        if variant.own_paper:
            yield "Own paper", f"{variant.label}: {variant.own_source}"
    yield from made
    yield from (("Wanted", sentence) for sentence in table.wanted)
