"""The report of a project: what is there of its tables, pictures and runs, on one page. Nothing is made for it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TypeVar, cast

import pandas as pd

from enco.data.folders import load_rgb
from enco.errors import UserError, encodable
from enco.io.files import atomic_path
from eval.claims.render import html_rows, ours
from eval.extractors import FID
from eval.figures.comparison import task_figure
from eval.figures.curves import draw_curves, read_curves, read_levels
from eval.figures.paper.options import NAMES
from eval.figures.paper.planned import PlannedPaperFigure
from eval.published import read_published
from eval.report.missing import Missing
from eval.report.model import FigureView, Report, RunView, Section, TableView, ViewerTask, run_anchor
from eval.report.page import render_report
from eval.report.pictures import Pictures
from eval.report.runs import PlannedRun, inputs_view, rows_of, run_view, text
from eval.report.tables import table_view
from eval.report.viewer import PlannedColumn, PlannedViewer, viewer_task
from eval.sensitivity.write import HEADS
from eval.tables.cells import COLUMNS
from eval.tables.protocol import ProtocolLine, Provenance, describe_scale
from eval.tables.write import make_page, read_numbers
from workflow import paths
from workflow.ledger import ledger_so_far
from workflow.made import Made
from workflow.plan.grid import Cell, Evaluation, Run
from workflow.plan.plan import Plan
from workflow.plan.wildcards import Wildcards
from workflow.project import Project
from workflow.so_far import SoFar

T = TypeVar("T")
FIGURE_WIDTH = 2400
"""Of the widest figure, in pixels: as fourteen columns are drawn."""
DATA = {
    **{"data": "images", "trainA": "trainA", "trainB": "trainB", "testA": "testA", "testB": "testB"},
    **{"training_hash": "digest", "licence": "licence", "site": "from"},
}
"""The heads of the table of image sets."""
OUTDATED = "drawn before its runs, images or settings changed: snakemake paper_figures draws it again"
DIGITS = 16
"""Of a digest; runs have it in full."""


def write_report(project: Project, commit: str) -> list[Path]:
    """Write the page of a configuration and its copy under results/, and return the files.

    Raises UserError for a mistake in the file of claims.
    """
    file, current = project.plan.file(paths.REPORT), Path(paths.CURRENT_REPORT)
    page = render_report(ReportSoFar(project, commit).report())
    with atomic_path(file) as partial:
        partial.write_text(encodable(page), encoding="utf-8")
    with atomic_path(current) as partial:
        shutil.copyfile(file, partial)
    return [file, current]


@dataclass(frozen=True)
class ReportSoFar:
    """The report of a project with what is there at this moment; `commit` is that of the code that writes it."""

    project: Project
    commit: str
    pictures: Pictures = field(default_factory=Pictures)
    missing: Missing = field(default_factory=Missing)
    """Why some parts are not made."""

    @property
    def plan(self) -> Plan:
        """The plan of the project."""
        return self.project.plan

    @cached_property
    def _so_far(self) -> SoFar:
        return SoFar(self.project)

    @cached_property
    def made(self) -> Made:
        """What of the project is made."""
        return Made(self.project)

    @cached_property
    def about(self) -> Provenance:
        """The scale, whether its numbers compare with the paper's, and the commit."""
        return Provenance(**self.project.tables.provenance(), commit=self.commit)

    def report(self) -> Report:
        """Return all of the page."""
        tables, cells = self._tables()
        ledger = ledger_so_far(self.project, self.commit)
        return Report(
            about=self._about(),
            comparable=self.about.comparable,
            trained=len(self.made.trained),
            planned=len(self._planned),
            tasks=self._tasks,
            methods=self._methods,
            tables=tables,
            viewer=list(self._of_tasks(self._viewer, "images")),
            figures=[
                *self._paper_figures(),
                *self._of_tasks(self._figure, "figure"),
                *self._of_tasks(self._curves, "curves"),
            ],
            runs=[run_view(planned, cells, self.pictures, self.missing) for planned in self._runs()],
            inputs=list(self._inputs(cells)),
            claims=html_rows(ledger),
            claims_header=ours(ledger),
            claims_footer=ledger.footer,
            budget=self._section("the protocol's worth", self._budget),
            data=self._section("image sets", self._data),
            settings=[(key, text(value)) for key, value in self.made.settings().items()],
            pictures=self.pictures.addresses,  # these two last: the parts above bring them
            missing=[*self._missing().items()],
        )

    @cached_property
    def _planned(self) -> list[Run]:
        """The runs of the tables that `all_tables` makes, and others that are trained."""
        return list(dict.fromkeys([*self.plan.only(self.plan.headline).grid.runs, *self.made.trained]))

    @cached_property
    def _tasks(self) -> dict[str, str]:
        """The name of each task in print: the header of its first column, or the title of one that has none."""
        columns = [column for spec in self.plan.tables.values() for column in spec.columns]
        headers = {column.task: column.header for column in reversed(columns)}
        tasks = dict.fromkeys([*self.made.tasks, *(run.task for run in self._planned)])
        return {task: headers.get(task) or self.made.title(task) for task in tasks}

    @cached_property
    def _methods(self) -> dict[str, str]:
        """The name of each method in print: that of its first row without options."""
        rows = [row for spec in self.plan.tables.values() for row in spec.rows]
        named = {row.method: row.label for row in reversed(rows) if not row.options}
        return {row.method: named.get(row.method, row.method) for row in rows}

    def _about(self) -> list[ProtocolLine]:
        about = self.about
        return [
            ("Scale", describe_scale(about)),
            *([("Part of the tables", f"only {about.part}")] if about.part else []),
            ("Seeds", ", ".join(map(str, self.plan.config.seeds))),
            *([("Distance", f"{about.distance} stands for the paper's FID")] if about.distance != FID else []),
            ("Page written at", f"commit {about.commit}"),
        ]

    def _tables(self) -> tuple[list[TableView], pd.DataFrame]:
        """Return every table, and the tidy cells of all; a table whose numbers do not go together says so."""
        published, views, cells = read_published(self.plan.published), [], []
        for name, planned in self.made.tables().items():
            spec = self.plan.tables[name]
            try:
                found = read_numbers(spec, planned, published, self.about)
            except UserError as error:
                views.append(TableView(name, spec.heading, error=f"Its numbers do not go together: {error}"))
            else:
                views.append(table_view(make_page(spec, found, published, self.about, name), found.cells))
                cells.append(found.cells)
        return views, pd.concat(cells, ignore_index=True) if cells else pd.DataFrame(columns=COLUMNS)

    def _title(self, run: Run) -> str:
        """Return a run as a reader names it: 'EnCo k=1, Cat→Dog, seed 0'."""
        method = run.config.method
        options = run.variant.removeprefix(method).replace("+", " ")
        return f"{self._methods.get(method, method)}{options}, {self._tasks[run.task]}, seed {run.seed}"

    def _runs(self) -> Iterator[PlannedRun]:
        for run in self.made.trained:
            cells = [cell for cell in self.plan.grid.cells if cell.evaluation.run == run]
            yield PlannedRun(
                folder=run.folder,
                task=run.task,
                title=self._title(run),
                method=run.config.method,
                rows=rows_of((self._table(cell), self._row(cell)) for cell in cells),
                distance=self.about.distance,
            )

    def _table(self, cell: Cell) -> str:
        spec = self.plan.tables[cell.table]
        return spec.heading.partition(":")[0]

    def _row(self, cell: Cell) -> str:
        return cell.row.key if self.plan.tables[cell.table].show_keys else cell.row.label

    def _inputs(self, cells: pd.DataFrame) -> Iterator[RunView]:
        for task in self.made.tasks:
            if view := inputs_view(task, self._tasks[task], cells, self.about.distance):
                yield view

    def _of_tasks(self, make: Callable[[str], T | None], what: str) -> Iterator[T]:
        """Yield what is made of each task; where a file behind it is of no use, the reason is kept."""
        for task in self.made.tasks:
            made = self.missing.attempt(f"{what} of {self._tasks[task]}", partial(make, task))
            if made is not None:
                yield made

    def _viewer(self, task: str) -> ViewerTask | None:
        """Return the images of a task; None where nothing is translated."""
        columns = list(self._columns(task))
        if not columns or not self.plan.manifest(task).exists():
            return None
        planned = PlannedViewer(
            task=task,
            title=self._tasks[task],
            sources=self.plan.test_folder(task, "source"),
            columns=columns,
            size=self.plan.size,
            reading=self.plan.config.data.reading,
        )
        return viewer_task(planned, self.pictures, self.missing)

    def _columns(self, task: str) -> Iterator[PlannedColumn]:
        """Yield the scored rows of all tables on a task, each once, of the first seed that is there."""
        shown: set[tuple[str, str]] = set()
        seen: set[Evaluation] = set()
        for cell in self.plan.grid.cells:
            evaluation, row = cell.evaluation, (cell.table, cell.row.key)
            if evaluation.task != task or evaluation not in self._scored or row in shown:
                continue
            shown.add(row)
            if evaluation not in seen:
                seen.add(evaluation)
                yield self._column(cell)

    @cached_property
    def _scored(self) -> set[Evaluation]:
        return set(self.made.scored)

    def _column(self, cell: Cell) -> PlannedColumn:
        keyed = self.plan.tables[cell.table].show_keys
        return PlannedColumn(
            label=f"{self._table(cell)} {cell.row.key}: {cell.row.label}" if keyed else cell.row.label,
            method=cell.row.method,
            anchor=run_anchor(cell.evaluation.run.folder),
            folder=cell.evaluation.images(self.plan.selections[0]),
        )

    def _paper_figures(self) -> Iterator[FigureView]:
        """Yield the figures of the paper that are drawn of what is there: whole, or as far as they could be."""
        for name in NAMES:
            if view := self.missing.attempt(name, partial(self._paper_figure, name)):
                yield view

    def _paper_figure(self, name: str) -> FigureView | None:
        """Return a figure of the paper; None where the scale has nothing for it, or none is drawn of what is there."""
        figure, kinds = self.project.paper_figures.figure(name), (paths.PAPER_FIGURE, paths.PAPER_FIGURE_SO_FAR)
        if not figure.tasks:
            self.missing.add(" ".join(figure.lacks).rstrip("."), name)
            return None
        now = self._so_far.paper_figure(name)
        drawn = [file for kind in kinds if (file := self.plan.file(kind["png"], figure=name)).exists()]
        current = [file for file in drawn if self._is_of(now, file)]
        if not current:
            self.missing.add(OUTDATED if drawn else "not drawn yet by snakemake paper_figures", name)
            return None
        title, _, caption = _caption(current[0]).partition(". ")
        tasks = [task.task for task in now.tasks]
        return FigureView(title, caption, self.pictures.add(load_rgb(current[0]), FIGURE_WIDTH), tasks)

    def _is_of(self, figure: PlannedPaperFigure, file: Path) -> bool:
        """Return whether a figure was drawn by the choices, and of all the files, that are there."""
        caption = _without_iterations(_caption(file))
        needed = self.project.paper_figures.inputs(cast("Wildcards", SimpleNamespace(figure=figure.name)))
        newest = max((one.stat().st_mtime for one in needed if one.exists()), default=0.0)
        return (
            all(_without_iterations(said) in caption for said in (figure.choices, *figure.lacks))
            and newest <= file.stat().st_mtime
        )

    def _figure(self, task: str) -> FigureView | None:
        """Return the figure of a task; None where it cannot be drawn."""
        planned = self.made.figure(task)
        if planned is None:
            return None
        picture = self.pictures.add(task_figure(planned), FIGURE_WIDTH)
        caption = f"The best, the median and the worst test image, by the features of {planned.judge}'s translations."
        return FigureView(self._tasks[task], caption, picture, [task])

    def _curves(self, task: str) -> FigureView | None:
        """Return the curves of a task; None without a run whose saved generators are scored."""
        planned = self.made.curves(task)
        curves = read_curves(task, planned)
        if curves.empty:
            return None
        with TemporaryDirectory(prefix="enco-report-") as temporary:
            file = Path(temporary, "curve.svg")
            draw_curves(curves, read_levels(planned), file)
            picture = self.pictures.add_bytes(file.read_bytes(), "image/svg+xml")
        caption = "The metrics of every generator that was saved while training."
        return FigureView(f"{self._tasks[task]} over training", caption, picture, [task])

    def _missing(self) -> dict[str, list[str]]:
        """Return what is not there by the reason: trainings, scores of trainings, pictures of tasks."""
        found: dict[str, list[str]] = {}
        for run in self._planned:
            if gap := self.made.gaps[run]:
                found.setdefault(gap, []).append(self._title(run))
        for evaluation, gap in self.made.score_gaps.items():
            if gap and evaluation.run in self.made.trained:
                found.setdefault(gap, []).append(f"{self._title(evaluation.run)} on {self._tasks[evaluation.task]}")
        return found | self.missing.parts

    def _section(self, what: str, make: Callable[[], Section]) -> Section:
        return self.missing.attempt(what, make) or Section((), (), "What was written of it cannot be used.")

    def _budget(self) -> Section:
        """Return how far the choices of the protocol move the numbers, where that is measured."""
        file = self.plan.file(paths.PROTOCOL["summary"])
        if not file.exists():
            return Section((), (), "Not measured yet: snakemake results/protocol.csv measures it.")
        lines = pd.read_csv(file, keep_default_na=False).rename(columns=HEADS)
        return Section(list(lines.columns), [list(map(_short, line)) for line in lines.values.tolist()])

    def _data(self) -> Section:
        short = ({**line, "training_hash": str(line["training_hash"])[:DIGITS]} for line in self.made.data())
        lines = [[str(line.get(key, "")) for key in DATA] for line in short]
        return Section([*DATA.values()], lines, "No image set is in place yet: snakemake data makes them.")


def _without_iterations(text: str) -> str:
    """Return a text without how far trainings are, which changes nothing in a figure."""
    return re.sub(r"at iteration \d+", "", text)


def _caption(picture: Path) -> str:
    return picture.with_suffix(".txt").read_text(encoding="utf-8").strip()


def _short(value: object) -> str:
    try:
        return f"{float(str(value)):.4g}"
    except ValueError:
        return str(value)
