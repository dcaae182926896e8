"""Which cells of a printed table have no number, or fewer seeds than were asked for, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from eval.tables.layout import TableBlock, TableCell
from eval.tables.spec import REFERENCE_ROW


def gaps(block: TableBlock) -> Iterator[tuple[str, str]]:
    """Return lines of the footer: '45 of 60 cells: no data: every row (Cityscapes); diverged: DRIT'."""
    count = len(block.rows) * len(block.columns)
    absent = sum(not cell.measured for _, _, cell in block.places())
    if absent:
        rows = _by_reason(block, lambda cell: () if cell.measured else cell.reasons)
        yield "No number", f"{absent} of {count} cells: {rows}"
    fewer = sum(bool(cell.measured and cell.reasons) for _, _, cell in block.places())
    if fewer:
        rows = _by_reason(block, lambda cell: cell.reasons if cell.measured else ())
        yield "Fewer seeds", f"{fewer} of {count} cells: {rows}"


def reference_line(block: TableBlock, distance: str) -> Iterator[tuple[str, str]]:
    """Return the footer's line of the untranslated inputs: what they are, and which of their numbers are missing."""
    if not block.reference:
        return
    absent: dict[str, list[str]] = {}
    for column, cell in zip(block.columns, block.reference, strict=True):
        if not cell.measured:
            absent.setdefault("; ".join(cell.reasons), []).append(f"{column.group} {column.header(distance)}")
    why = "".join(f"; no number: {', '.join(names)} ({reason})" for reason, names in absent.items())
    yield REFERENCE_ROW.label, f"the test inputs as networks see them, scored as translations are, unranked{why}"


def _by_reason(block: TableBlock, reasons: Callable[[TableCell], Iterable[str]]) -> str:
    """Name each reason, once, with the rows concerned, and the columns where these are not all."""
    found: dict[str, dict[str, list[str]]] = {}
    for row, column, cell in block.places():
        for reason in dict.fromkeys(reasons(cell)):
            found.setdefault(reason, {}).setdefault(row.label, []).append(column.group)
    groups = list(dict.fromkeys(column.group for column in block.columns))
    return "; ".join(f"{reason}: {_rows(rows, groups, len(block.rows))}" for reason, rows in found.items())


def _rows(rows: Mapping[str, list[str]], groups: list[str], count: int) -> str:
    """Name rows with the groups of columns that have a gap: 'MUNIT, DRIT (Cityscapes)'."""
    labels: dict[tuple[str, ...], list[str]] = {}
    for label, found in rows.items():
        labels.setdefault(tuple(dict.fromkeys(found)), []).append(label)
    names = {at: "every row" if len(found) == count else ", ".join(found) for at, found in labels.items()}
    return ", ".join(name if list(at) == groups else f"{name} ({', '.join(at)})" for at, name in names.items())
