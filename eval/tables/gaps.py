"""Which cells of a printed table have no number, or fewer seeds than were asked for, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from eval.tables.layout import Block, Entry


def gaps(block: Block) -> Iterator[tuple[str, str]]:
    """Lines of the footer: '45 of 60 cells: no data: every row (Cityscapes); diverged: DRIT'."""
    count = len(block.rows) * len(block.columns)
    absent = sum(not entry.measured for _, _, entry in block.cells())
    if absent:
        told = _told(block, lambda entry: () if entry.measured else entry.reasons)
        yield "No number", f"{absent} of {count} cells: {told}"
    fewer = sum(bool(entry.measured and entry.reasons) for _, _, entry in block.cells())
    if fewer:
        told = _told(block, lambda entry: entry.reasons if entry.measured else ())
        yield "Fewer seeds", f"{fewer} of {count} cells: {told}"


def _told(block: Block, reasons: Callable[[Entry], Iterable[str]]) -> str:
    """Each reason, once, with the rows that it holds for, and their columns where these are not all."""
    found: dict[str, dict[str, list[str]]] = {}
    for row, column, entry in block.cells():
        for reason in dict.fromkeys(reasons(entry)):
            found.setdefault(reason, {}).setdefault(row.label, []).append(column.group)
    groups = list(dict.fromkeys(column.group for column in block.columns))
    return "; ".join(f"{reason}: {_rows(rows, groups, len(block.rows))}" for reason, rows in found.items())


def _rows(rows: Mapping[str, list[str]], groups: list[str], count: int) -> str:
    """'MUNIT, DRIT (Cityscapes)': the rows by the groups of columns that they have a gap in."""
    labels: dict[tuple[str, ...], list[str]] = {}
    for label, found in rows.items():
        labels.setdefault(tuple(dict.fromkeys(found)), []).append(label)
    names = {at: "every row" if len(found) == count else ", ".join(found) for at, found in labels.items()}
    return ", ".join(name if list(at) == groups else f"{name} ({', '.join(at)})" for at, name in names.items())
