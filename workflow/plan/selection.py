"""Checkpoint selection: of which of a training's saved generators each table is made. Pure: no file is touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from eval.records import Selection
from eval.tables.spec import TableSpec

Choice = Selection | Literal["both"]
BEST = ".best"
"""How the second of two tables ends; no table of the user's has a dot in its name."""
LABEL = "generators chosen on the test set"


def selections(choice: Choice) -> tuple[Selection, ...]:
    """Return the generators that are scored; claims and figures are made of the first."""
    return ("final", "best") if choice == "both" else (choice,)


def selection_of(table: str, choice: Choice) -> Selection:
    """Return of which generators a table is made."""
    if choice == "both":
        return "best" if table.endswith(BEST) else "final"
    return choice


def selected(tables: Mapping[str, TableSpec], choice: Choice) -> dict[str, TableSpec]:
    """Return the tables as they are made, `table1` and `table1.best` for `both`.

    Titles of tables of the best generators say that these were chosen on the test set.
    """
    found: dict[str, TableSpec] = {}
    for name, spec in tables.items():
        for selection in selections(choice):
            made = name + BEST if choice == "both" and selection == "best" else name
            found[made] = _labelled(spec) if selection == "best" else spec
    return found


def _labelled(spec: TableSpec) -> TableSpec:
    return spec.model_copy(update={"title": f"{spec.title}, by {LABEL}" if spec.title else LABEL})
