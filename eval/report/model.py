"""The content of the report as plain values, from which `page.render_report` makes HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath
from typing import Any

from eval.tables.layout import Value
from eval.tables.protocol import ProtocolLine

INPUTS = "untranslated inputs"


def run_anchor(folder: str | PurePath) -> str:
    """Return the place of a run on the page, from the run's folder: `run/horse2zebra/enco/seed0`."""
    return "/".join(("run", *PurePath(folder).parts[-3:]))


def inputs_anchor(task: str) -> str:
    """Return the place on the page of what is known of a task's untranslated inputs."""
    return f"inputs/{task}"


@dataclass(frozen=True)
class ColumnView:
    """One column of a table; `better` says which numbers are better, lower or higher."""

    task: str
    group: str
    header: str
    better: str


@dataclass(frozen=True)
class CellView:
    """One cell: its numbers as printed, and the runs behind these."""

    values: Sequence[Value]
    published: str
    spread: str
    """The deviation over seeds as printed; empty for one seed."""
    difference: str
    """The difference to the best of the column, how sure it is, and the ranks."""
    delta: str
    """Measured less published; empty where the two do not compare."""
    runs: Sequence[tuple[str, str]]
    """A name and a place on the page for each run or set of inputs behind the numbers."""
    order: float | None
    """What the column is sorted by; None for a cell without a number."""
    delta_order: float | None
    reason: str
    """Why there is no number."""


@dataclass(frozen=True)
class RowView:
    """One row of a table; the method is empty for the untranslated inputs."""

    label: str
    method: str
    cells: Sequence[CellView]


@dataclass(frozen=True)
class BlockView:
    """The rows and columns of one printed table."""

    columns: Sequence[ColumnView]
    rows: Sequence[RowView]

    @property
    def published(self) -> bool:
        """Whether a published number stands anywhere."""
        return any(cell.published for row in self.rows for cell in row.cells)

    @property
    def groups(self) -> list[tuple[str, str, int]]:
        """Each header over several columns, with its task and the number of its columns."""
        runs = groupby(self.columns, key=lambda column: (column.group, column.task))
        return [(group, task, len(list(columns))) for (group, task), columns in runs]


@dataclass(frozen=True)
class TableView:
    """A table with what stands beside and below it; `error` says why there is none."""

    name: str
    title: str
    legend: str = ""
    row_header: str = ""
    headline: BlockView | None = None
    supplementary: BlockView | None = None
    footer: Sequence[ProtocolLine] = ()
    error: str = ""

    @property
    def reasons(self) -> list[str]:
        """Why cells have no number, each reason once."""
        blocks = [block for block in (self.headline, self.supplementary) if block]
        cells = [cell for block in blocks for row in block.rows for cell in row.cells]
        return list(dict.fromkeys(cell.reason for cell in cells if cell.reason and not cell.values))

    def place(self, reason: str) -> str:
        """Return the place on the page of one of the reasons."""
        return f"why/{self.name}/{self.reasons.index(reason) + 1}"


@dataclass(frozen=True)
class Chart:
    """One loss over training: corners of a line in a box of `charts.WIDTH` x `charts.HEIGHT`, and its values."""

    name: str
    points: str
    first: str
    last: str
    iterations: int


@dataclass(frozen=True)
class ScoreLine:
    """One number of a run on a task, with the file that holds it."""

    task: str
    metric: str
    real_set: str
    selection: str
    value: str
    spread: str
    file: str


@dataclass(frozen=True)
class RunView:
    """What is known of one run; for untranslated inputs there are scores alone."""

    anchor: str
    title: str
    rows: str
    """The rows of tables that the run is behind."""
    task: str
    method: str
    facts: Sequence[tuple[str, str]]
    settings: Sequence[tuple[str, str]]
    code: Sequence[tuple[str, str]]
    charts: Sequence[Chart]
    samples: Sequence[tuple[str, str]]
    """A caption and a picture each."""
    scores: Sequence[ScoreLine]


@dataclass(frozen=True)
class FigureView:
    """One figure: a picture, a title, what it shows, and of which tasks."""

    title: str
    caption: str
    picture: str
    tasks: Sequence[str]


@dataclass(frozen=True)
class ViewerTask:
    """The test images of a task and their translations: a picture of each image in each column."""

    task: str
    title: str
    images: Sequence[str]
    columns: Sequence[Mapping[str, Any]]
    """Keys label, method, anchor and pictures."""
    left_out: int
    """The number of test images that are not shown."""


@dataclass(frozen=True)
class Section:
    """A table of plain text; where there is no line, `empty` says what makes some."""

    heads: Sequence[str]
    lines: Sequence[Sequence[str]]
    empty: str = ""


@dataclass(frozen=True)
class Report:
    """All of the page."""

    about: Sequence[ProtocolLine]
    comparable: bool
    """Whether the numbers compare with the paper's."""
    trained: int
    planned: int
    missing: Sequence[tuple[str, Sequence[str]]]
    """Each reason why something is not there, with what it concerns."""
    tasks: Mapping[str, str]
    methods: Mapping[str, str]
    tables: Sequence[TableView]
    viewer: Sequence[ViewerTask]
    figures: Sequence[FigureView]
    runs: Sequence[RunView]
    inputs: Sequence[RunView]
    claims: Sequence[Mapping[str, Any]]
    claims_header: str
    claims_footer: Sequence[ProtocolLine]
    budget: Section
    data: Section
    settings: Sequence[tuple[str, str]]
    pictures: Mapping[str, str]
    """The address of each picture, with its bytes in base64."""

    @property
    def shown_tasks(self) -> dict[str, str]:
        """The tasks of which the page has a column, a run or a figure."""
        shown = {column.task for block in self._blocks for column in block.columns}
        shown |= {one.task for one in (*self.runs, *self.inputs)} | {task for one in self.figures for task in one.tasks}
        return {task: title for task, title in self.tasks.items() if task in shown}

    @property
    def shown_methods(self) -> dict[str, str]:
        """The methods of which the page has a row or a run."""
        shown = {row.method for block in self._blocks for row in block.rows} | {run.method for run in self.runs}
        return {method: title for method, title in self.methods.items() if method in shown}

    @property
    def _blocks(self) -> list[BlockView]:
        return [block for table in self.tables for block in (table.headline, table.supplementary) if block]
