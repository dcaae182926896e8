"""The CSV files behind the page of results: their names, and a plain reader and writer."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from enco.io.files import atomic_path

ABOUT, TABLES, TASKS, DATA, RUNS = "about.csv", "tables.csv", "tasks.csv", "data.csv", "runs.csv"
CELLS, CURVES, CLAIMS = "cells.csv", "curves.csv", "claims.csv"
COLUMNS = {
    ABOUT: ("key", "value"),
    TABLES: ("table", "title", "shows_keys", "marks", "key", "selection"),
    TASKS: ("task", "title", "figure", "judge", "curve", "data"),
    DATA: ("data", "trainA", "trainB", "testA", "testB", "training_hash", "licence", "site"),
    RUNS: ("task", "variant", "seed", "iterations", "hours", "device", "computed", "commit", "data", "config_hash"),
}


def write_lines(folder: Path, name: str, lines: Iterable[Mapping[str, object]]) -> Path:
    """Write one of the files of COLUMNS, and return it; a value that a line lacks is empty."""
    with atomic_path(folder / name) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS[name], lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    return folder / name


def read_lines(path: Path) -> list[dict[str, str]]:
    """Read a CSV file, each line by the names of its columns; lines that begin with '#' are left out."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def read_notes(path: Path) -> list[tuple[str, str]]:
    """Read the lines of a table's file that begin with '#': what each is about, and what holds."""
    lines = path.read_text(encoding="utf-8").splitlines()
    notes = (line[2:].partition(": ") for line in lines if line.startswith("# "))
    return [(key, text) for key, _, text in notes]
