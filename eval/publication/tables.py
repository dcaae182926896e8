"""A table's CSV file as Markdown: the paper's number in brackets, marks bold and italic."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from eval.tables.columns import JOINT, METRICS, header
from eval.tables.layout import Value
from eval.tables.marks import marks
from eval.tables.render import ABSENT, MARKDOWN
from eval.tables.spec import REFERENCE_ROW, Rule
from eval.uncertainty.differences import Better, Difference

PAPER = " (paper)"
SEEDS = " ("
"""What stands between a cell's numbers and their seeds."""
REFERENCE = REFERENCE_ROW.key
"""Key of the row of untranslated inputs, which is compared with and never ranked."""
HIGHER = {metric.header for metric in METRICS.values() if metric.better == "higher"} | {
    header(names) for names in JOINT.values()
}
Told = Mapping[tuple[str, str], Sequence[Difference]]
"""Differences by column and row, one for each number of a cell."""


class Line(NamedTuple):
    """One cell of a column."""

    row: str
    text: str
    differences: Sequence[Difference]


def markdown_table(path: Path, rule: Rule, differences: Told, shows_keys: bool = False) -> str:
    """Return the rows and columns of a table's CSV file as a Markdown table; rows may show their keys."""
    with path.open(encoding="utf-8", newline="") as file:
        names, *lines = list(csv.reader(line for line in file if not line.startswith("#")))
    heads, columns = [""], [[MARKDOWN.escape(_row_name(line[0], line[1], shows_keys)) for line in lines]]
    for place, (name, following) in enumerate(pairwise([*names, ""])):
        if place < 2 or name.endswith(PAPER):
            continue
        is_higher = any(name.endswith(f" {metric}") for metric in HIGHER)
        column = [Line(line[0], line[place], differences.get((name, line[0]), ())) for line in lines]
        cells = _marked(column, "higher" if is_higher else "lower", rule)
        paper = [line[place + 1] if following.endswith(PAPER) else "" for line in lines]
        heads.append(f"{MARKDOWN.escape(name)} {'↑' if is_higher else '↓'}")
        columns.append([f"{cell} ({known})" if known else cell for cell, known in zip(cells, paper, strict=True)])
    align = ["left", *["right"] * (len(columns) - 1)]
    return tabulate(zip(*columns, strict=True), heads, tablefmt="pipe", disable_numparse=True, colalign=align)


def _row_name(key: str, label: str, shows_keys: bool) -> str:
    return f"{key}: {label}" if shows_keys and key != REFERENCE else label or key


def _marked(lines: Sequence[Line], better: Better, rule: Rule) -> list[str]:
    """Mark the numbers of a column, each of several metrics in one cell apart."""
    parts = [[] if line.text in ("", ABSENT) else line.text.partition(SEEDS)[0].split(" & ") for line in lines]
    marked: list[list[str]] = [[] for _ in lines]
    for number in range(max(map(len, parts), default=0)):
        pairs = zip(parts, lines, strict=True)
        known = [part[number] if part and line.row != REFERENCE else "" for part, line in pairs]
        told = [line.differences[number] if number < len(line.differences) else None for line in lines]
        for cell, part, mark in zip(marked, parts, marks(known, better, told, rule), strict=True):
            cell += [MARKDOWN.value(Value(part[number], mark=mark))] if part else []
    seeds = ["".join(line.text.partition(SEEDS)[1:]) for line in lines]
    return [(" & ".join(cell) or ABSENT) + seed for cell, seed in zip(marked, seeds, strict=True)]
