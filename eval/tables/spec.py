"""A table declared: its rows (method and options) and its columns (task and metrics)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from enco.config.base import Settings, parse
from enco.config.yaml import read_yaml
from enco.errors import UserError, unknown
from eval.tables.columns import JOINT, METRICS, parts

ALL_TASKS = "all"
"""The task of a column that holds for every task, such as the model's size."""
Rule = Literal["certain", "best"]
"""What tables mark: what is surely better and what cannot be told from the best, or the best and the second."""


class RowSpec(Settings):
    """One row: a method, and the options in which it differs from that method's defaults."""

    key: str = Field(description="Short name; config/published.csv knows the row by it.")
    label: str = Field(description="Printed name; the key where none is given.")
    method: str = Field(description="Name in enco.methods; the table's method, else the key, where none is given.")
    options: dict[str, Any] = Field(default_factory=dict, description="Options that differ from the defaults.")


REFERENCE_ROW = RowSpec(key="untranslated", label="untranslated inputs", method="none")
"""The row below the methods: the test inputs themselves, under the same metrics."""


class ColumnSpec(Settings):
    """The columns of one task, under one header."""

    task: str = Field(description="Task, or 'all' for what does not depend on the task.")
    header: str = Field("", description="Printed above the task's metrics; the task's name where none is given.")
    metrics: tuple[str, ...] = Field(min_length=1, description="Metrics in printed order; P&R prints two in one.")


class TableSpec(Settings):
    """One table; `results/<name>.csv` is made from it."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    number: int | None = Field(None, ge=1, description="The table's number in the paper, if it is one of the paper's.")
    published: int | None = Field(
        None,
        ge=1,
        description="The paper's table whose numbers stand beside those of equal rows and tasks; the own one.",
    )
    title: str = ""
    row_header: str = Field("Method", description="Header of the first column.")
    method: str | None = Field(None, description="Method of the rows that name none.")
    show_keys: bool = Field(False, description="Print each row's key before its label.")
    extra: bool = Field(False, description="Made when asked for by name, not with all tables.")
    mixed_devices: bool = Field(False, description="Let one column of sec/iter or training time hold several devices.")
    marks: Rule = Field(
        "certain",
        description="What is bold and underlined: by 'certain' what is surely better than all others and what cannot"
        " be told from the best, by 'best' the best and the second.",
    )
    rows: tuple[RowSpec, ...] = Field(min_length=1)
    columns: tuple[ColumnSpec, ...] = Field(min_length=1)
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The table's name in published.csv and cells.csv: the paper's number, else its own name."""
        return self.name if self.number is None else str(self.number)

    @property
    def heading(self) -> str:
        """The table's number, or else its name, and the title."""
        name = self.name if self.number is None else f"Table {self.number}"
        return f"{name}: {self.title}" if self.title else name

    def task_metrics(self) -> Iterator[tuple[str, str]]:
        """Return every (task, metric) of a row in printed order; a joint column gives each joined metric."""
        return ((c.task, metric) for c in self.columns for name in c.metrics for metric in parts(name))

    def trained_task(self, task: str, absent: Collection[str] = ()) -> str:
        """Return the task whose training a column reads: the column's own; for 'all' the first that is not absent."""
        if task != ALL_TASKS:
            return task
        tasks = [column.task for column in self.columns if column.task != ALL_TASKS]
        return next((name for name in tasks if name not in absent), tasks[0])


def load_tables(source: Path | Mapping[str, Any]) -> dict[str, TableSpec]:
    """Read every table by name, from a YAML file with the key `tables` or from that key's content.

    Raises UserError, with the valid choices, for an unknown key or metric and for a row or column given twice.
    """
    where = str(source) if isinstance(source, Path) else "tables"
    tables = _read(source) if isinstance(source, Path) else source
    return {name: _table(str(name), entry, f"table '{name}' of {where}") for name, entry in tables.items()}


def _read(path: Path) -> Mapping[str, Any]:
    content = read_yaml(path, "config/tables.yaml")
    if not isinstance(content.get("tables"), dict):
        raise UserError(f"{path} has no mapping under the key 'tables': give every table a name there.")
    return content["tables"]


def _table(name: str, entry: Any, where: str) -> TableSpec:
    values = _mapping(entry, where)
    rows = [_row(row, values.get("method"), where) for row in values.get("rows") or []]
    columns = [_column(column, where) for column in values.get("columns") or []]
    spec = parse(TableSpec, {**values, "name": name, "rows": rows, "columns": columns}, where)
    _refuse_repeats("row", (row.key for row in rows), where)
    if REFERENCE_ROW.key in {row.key for row in rows}:
        raise UserError(f"The row '{REFERENCE_ROW.key}' of {where} has the key of the inputs themselves: rename it.")
    _refuse_repeats("column", (f"{task} {metric}" for task, metric in spec.task_metrics()), where)
    if all(column.task == ALL_TASKS for column in columns):
        raise UserError(f"No column of {where} names a task: a column for '{ALL_TASKS}' needs one beside it.")
    return spec


def _row(entry: Any, table_method: str | None, where: str) -> RowSpec:
    values = _mapping(entry, f"the rows of {where}")
    key = values.get("key", "")
    defaults = {"label": key, "method": table_method or key}
    return parse(RowSpec, {**defaults, **values}, f"row '{key}' of {where}")


def _column(entry: Any, where: str) -> ColumnSpec:
    values = _mapping(entry, f"the columns of {where}")
    column = parse(ColumnSpec, {"header": values.get("task", ""), **values}, f"a column of {where}")
    for metric in column.metrics:
        if metric not in METRICS and metric not in JOINT:
            raise unknown("metric", metric, [*METRICS, *JOINT], f"column '{column.task}' of {where}")
    return column


def _mapping(entry: Any, where: str) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise UserError(f"{where[0].upper()}{where[1:]} must be keys with values, not '{entry}'.")
    return entry


def _refuse_repeats(kind: str, names: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UserError(f"The {kind} '{name}' stands twice in {where}: keep one.")
        seen.add(name)
