"""The paper's numbers: config/published.csv."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from enco.errors import UserError

Published = Mapping[tuple[str, str, str, str], str]
"""Numbers as the paper prints them, by (table, row, task, metric)."""
SPEED_TABLE = "1"
"""The paper's table that prints seconds per iteration of every method."""


def read_published(path: Path) -> dict[tuple[str, str, str, str], str]:
    """Read the paper's numbers, as printed, by (table, row, task, metric).

    Raises UserError for a file that is missing or not CSV, and for a line without its number.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file, restval="")
            return dict(_published_number(line, f"line {lines.line_num} of {path}") for line in lines)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: it holds the paper's numbers, take it from config/.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a readable CSV file ({error}): restore it.") from error


def published_speeds(path: Path) -> dict[str, float]:
    """Read the paper's sec/iter by row of its first table; none where there is no such file."""
    if not path.exists():
        return {}
    numbers = read_published(path).items()
    return {row: float(v) for (table, row, _, metric), v in numbers if (table, metric) == (SPEED_TABLE, "sec/iter")}


def _published_number(line: Mapping[str, str], where: str) -> tuple[tuple[str, str, str, str], str]:
    try:
        place, value = (line["table"], line["row"], line["task"], line["metric"]), line["value"]
        float(value)
    except KeyError as error:
        raise UserError(f"There is no column {error} for {where}: put it back into the first line.") from error
    except ValueError as error:
        raise UserError(f"The value '{value}' in {where} is not a number: correct it there.") from error
    return place, value
