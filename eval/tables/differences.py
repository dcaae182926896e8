"""The differences of a table's rows to the best of each column: from tidy cells, as a CSV file and as short text."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path

import pandas as pd
from pydantic import TypeAdapter

from enco.io.files import atomic_path
from eval.tables.columns import METRICS, printed_name
from eval.tables.layout import Column, Compared, TableBlock, TableCell, Value, headline_columns, supplementary_columns
from eval.tables.spec import TableSpec
from eval.tables.summaries import ByFile, entries
from eval.uncertainty.differences import Difference, differences, probability_text

PLACE = ("task", "metric", "real_set", "column")
COLUMNS = [*PLACE, *(field.name for field in fields(Difference))]
_DIFFERENCE = TypeAdapter(Difference)


def compare(spec: TableSpec, cells: pd.DataFrame, replicates: ByFile) -> Compared:
    """Compare the rows of each printed metric with the best one; the untranslated inputs take no part."""
    known = entries(cells, replicates)
    found: dict[tuple[str, str, str], dict[str, Difference]] = {}
    for column in _columns(spec):
        for metric, real_set in column.sets():
            places = {row.key: (spec.key, row.key, column.task, metric, real_set) for row in spec.rows}
            rows = {row: known[place] for row, place in places.items() if place in known}
            lines = differences(rows, METRICS[metric].better)
            found[column.task, metric, real_set] = {line.row: line for line in lines}
    return found


def _columns(spec: TableSpec) -> Iterator[Column]:
    yield from headline_columns(spec)
    yield from supplementary_columns(spec)


def save_differences(spec: TableSpec, compared: Compared, distance: str, path: Path) -> None:
    """Write a line for each row of each printed metric as CSV, `column` being the header of the table's CSV file."""
    lines = [
        {
            **{"task": column.task, "metric": printed_name(metric, distance), "real_set": real_set},
            "column": f"{column.group} {column.header(distance)}",
            **asdict(difference),
        }
        for column in _columns(spec)
        for metric, real_set in column.sets()
        for difference in compared[column.task, metric, real_set].values()
    ]
    table = pd.DataFrame(lines, columns=COLUMNS).astype({"rank_low": "Int64", "rank_high": "Int64"})
    with atomic_path(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")


def read_differences(path: Path) -> dict[tuple[str, str], list[Difference]]:
    """Read what `save_differences` wrote: by column and row, one for each metric that the column prints."""
    found: dict[tuple[str, str], list[Difference]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            found.setdefault((line["column"], line["row"]), []).append(read_difference(line))
    return found


def read_difference(line: Mapping[str, str]) -> Difference:
    """Read one line of such a file."""
    return _DIFFERENCE.validate_python({name: line[name] or None for name in COLUMNS if name not in PLACE})


def is_sure(compared: Compared) -> bool:
    """Return whether it is known of any difference how sure it is."""
    return any(one.rank_low for lines in compared.values() for one in lines.values())


def differences_block(spec: TableSpec, compared: Compared) -> TableBlock | None:
    """Return a printed column for each headline metric of which some differences are known; None without any."""
    columns = [
        (replace(column, metrics=(metric,)), compared[column.task, metric, real_set])
        for column in headline_columns(spec)
        for metric, real_set in column.sets()
        if any(one.rank_low for one in compared[column.task, metric, real_set].values())
    ]
    rows = tuple(row for row in spec.rows if any(row.key in lines for _, lines in columns))
    cells = tuple(tuple(_text_cell(lines.get(row.key), column) for column, lines in columns) for row in rows)
    return TableBlock(rows, tuple(column for column, _ in columns), cells) if columns else None


def _text_cell(one: Difference | None, column: Column) -> TableCell:
    return TableCell((Value(difference_text(one, column.metrics[0])),), n=1)


def difference_text(one: Difference | None, metric: str) -> str:
    """Return '+5.2 ± 2.1, P = 0.007, rank 2–3', of the best 'best, rank 1–2'; empty for nothing."""
    if one is None or one.rank_low is None:
        return ""
    rank = f"rank {one.rank_low}" if one.rank_low == one.rank_high else f"rank {one.rank_low}–{one.rank_high}"
    if one.row == one.best:
        return f"best, {rank}"
    if one.difference_sd is None or one.p_better is None:
        return rank
    decimals = METRICS[metric].decimals
    difference = f"{one.difference:+.{decimals}f} ± {one.difference_sd:.{decimals}f}"
    return f"{difference}, {probability_text(one.p_better)}, {rank}"
