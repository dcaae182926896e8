"""A table's CSV file as Markdown: the paper's number in brackets, the best of a column bold, the second italic."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from tabulate import tabulate

from eval.tables.columns import JOINT, METRICS, header
from eval.tables.layout import ranks
from eval.tables.render import ABSENT, MARKDOWN
from eval.tables.spec import REFERENCE_ROW

PAPER = " (paper)"
SEEDS = " (n="
REFERENCE = REFERENCE_ROW.key
"""Key of the row of untranslated inputs, which is compared with and never ranked."""
MARKS = ("{}", MARKDOWN.best, MARKDOWN.second)
HIGHER = {metric.header for metric in METRICS.values() if metric.better == "higher"} | {
    header(names) for names in JOINT.values()
}


def markdown_table(path: Path, shows_keys: bool = False) -> str:
    """Return the rows and columns of a table's CSV file as a Markdown table; rows may show their keys."""
    with path.open(encoding="utf-8", newline="") as file:
        names, *lines = list(csv.reader(line for line in file if not line.startswith("#")))
    heads, columns = [""], [[MARKDOWN.escape(_row_name(line[0], line[1], shows_keys)) for line in lines]]
    ranked = [line[0] != REFERENCE for line in lines]
    for place, (name, following) in enumerate(pairwise([*names, ""])):
        if place < 2 or name.endswith(PAPER):
            continue
        is_higher = any(name.endswith(f" {metric}") for metric in HIGHER)
        cells = _marked([line[place] for line in lines], ranked, "higher" if is_higher else "lower")
        paper = [line[place + 1] if following.endswith(PAPER) else "" for line in lines]
        heads.append(f"{MARKDOWN.escape(name)} {'↑' if is_higher else '↓'}")
        columns.append([f"{cell} ({known})" if known else cell for cell, known in zip(cells, paper, strict=True)])
    align = ["left", *["right"] * (len(columns) - 1)]
    return tabulate(zip(*columns, strict=True), heads, tablefmt="pipe", disable_numparse=True, colalign=align)


def _row_name(key: str, label: str, shows_keys: bool) -> str:
    return f"{key}: {label}" if shows_keys and key != REFERENCE else label or key


def _marked(texts: Sequence[str], ranked: Sequence[bool], better: str) -> list[str]:
    """Mark the best and the second of a column, each of several metrics in one cell apart."""
    parts = [[] if text in ("", ABSENT) else text.partition(SEEDS)[0].split(" & ") for text in texts]
    marked: list[list[str]] = [[] for _ in texts]
    for number in range(max(map(len, parts), default=0)):
        known = [line[number] if line and rank else "" for line, rank in zip(parts, ranked, strict=True)]
        for cell, line, rank in zip(marked, parts, ranks(known, better), strict=True):
            cell += [MARKS[rank].format(MARKDOWN.escape(line[number]))] if line else []
    seeds = ["".join(text.partition(SEEDS)[1:]) for text in texts]
    return [(" & ".join(cell) or ABSENT) + seed for cell, seed in zip(marked, seeds, strict=True)]
