"""A part of the grid: which tables, tasks and rows are kept where not all are asked for. Pure: no file is touched."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator

from enco.config.base import Settings
from enco.errors import UserError, unknown
from eval.tables.spec import ALL_TASKS, TableSpec

PLAIN_NAME = r"[A-Za-z0-9_.+=-]{1,100}"
EXAMPLE = "only={tables: [table1], tasks: [horse2zebra], rows: [enco, cut]}"


class Only(Settings):
    """The part of the grid that is asked for: of tables, tasks and rows those that are named, all where none is."""

    tables: tuple[str, ...] = Field((), description="Names of tables, as in the file of tables.")
    tasks: tuple[str, ...] = Field((), description="Names of tasks.")
    rows: tuple[str, ...] = Field((), description="Keys of rows.")

    @model_validator(mode="before")
    @classmethod
    def _names_are_lists(cls, values: Any) -> Any:
        """Take a single name for a list of one; ValueError for what holds no names."""
        if isinstance(values, Only):
            return values
        if not isinstance(values, dict):
            raise ValueError(f"'{values}' names no part of the grid: write it as in '{EXAMPLE}'")
        return {kind: [names] if isinstance(names, str) else names for kind, names in values.items()}

    @field_validator("*")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Sort the names, so that one part has one folder however it is written."""
        return tuple(sorted(set(names)))

    @property
    def names(self) -> list[str]:
        """Everything that is named."""
        return [*self.tables, *self.tasks, *self.rows]

    def __str__(self) -> str:
        kinds = {"tables": self.tables, "tasks": self.tasks, "rows": self.rows}
        return "; ".join(f"{kind} {', '.join(names)}" for kind, names in kinds.items() if names)


def folder_name(name: str, whole: str) -> str:
    """Keep a name that a folder can have; of a long one, or one with other characters, keep a part and a digest.

    The digest is of the name and of `whole`, which tells apart what the name does not.
    """
    if re.fullmatch(PLAIN_NAME, name):
        return name
    digest = hashlib.sha256(f"{name} {whole}".encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_.+=-]+', '_', name)[:40]}-{digest}"


def keep(tables: Mapping[str, TableSpec], only: Only) -> dict[str, TableSpec]:
    """Keep of every table what is asked for, and no table without rows or columns.

    Raises UserError, with the valid names, for one that is in none of the tables, and where nothing is left.
    """
    _check("table", only.tables, tables)
    chosen = {name: tables[name] for name in only.tables or tables}
    columns = [column.task for spec in chosen.values() for column in spec.columns]
    _check("task", only.tasks, [task for task in columns if task != ALL_TASKS])
    _check("row", only.rows, [row.key for spec in chosen.values() for row in spec.rows])
    found = {name: kept for name, spec in chosen.items() if (kept := _part(spec, only))}
    if not found or set(only.tables) - found.keys():
        missing = ", ".join(name for name in chosen if name not in found)
        raise UserError(f"Nothing of {missing} is left by 'only' with {only}: name rows and tasks that it has.")
    return found


def _part(spec: TableSpec, only: Only) -> TableSpec | None:
    """Return the rows and columns of a table that are kept; None where there are none of either."""
    rows = tuple(row for row in spec.rows if not only.rows or row.key in only.rows)
    columns = tuple(c for c in spec.columns if not only.tasks or c.task in (*only.tasks, ALL_TASKS))
    if not rows or all(column.task == ALL_TASKS for column in columns):
        return None
    return spec.model_copy(update={"rows": rows, "columns": columns})


def _check(kind: str, names: Iterable[str], valid: Iterable[str]) -> None:
    known = set(valid)
    for name in names:
        if name not in known:
            raise unknown(kind, name, known, "'only'")
