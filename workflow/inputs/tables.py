"""What the Snakemake rules ask about tables and figures: the files behind them, and where they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.tables.planned import PLANNED_CELLS, PlannedCell
from eval.tables.spec import RowSpec
from workflow import paths
from workflow.plan.grid import Cell, Evaluation

if TYPE_CHECKING:
    from workflow.project import Project, Wildcards


@dataclass(frozen=True)
class PrintedTables:
    """The tables and figures of a project."""

    project: Project

    def file(self, template: str) -> str:
        """A template of workflow.paths for this configuration, its table left open."""
        return template.replace("{scale}", self.project.config.scale).replace("{part}", self.project.part)

    def files(self, templates: Mapping[str, str]) -> dict[str, str]:
        """The same for each kind of file."""
        return {kind: self.file(template) for kind, template in templates.items()}

    def whereabouts(self) -> str:
        """Where a configuration's results lie, as a call's last line."""
        scale, part = (self.file(template) for template in (paths.SCALE, paths.PART))
        return (
            f"Tables are in {part}/, trainings in {scale}/runs/; {paths.RESULTS}/ itself has the tables asked for last."
        )

    def current_tables(self) -> list[Path]:
        """The tables that `all_tables` makes, where the user finds them."""
        return [
            paths.fill(template, table=name)
            for name in self.project.headline
            for template in paths.CURRENT_TABLE.values()
        ]

    def current_figures(self) -> list[Path]:
        return [paths.fill(paths.CURRENT_FIGURE, table=name) for name in self.project.headline]

    def cell_files(self) -> list[Path]:
        """The tidy numbers of every table that `all_tables` makes."""
        template = self.file(paths.TABLE["cells"])
        return [paths.fill(template, table=name) for name in self.project.headline]

    def spec(self, wildcards: Wildcards) -> dict[str, Any]:
        return self.project.tables[wildcards.table].model_dump(mode="json")

    def planned(self, wildcards: Wildcards) -> list[dict[str, Any]]:
        """The numbers of a table, each with the file that holds it."""
        return PLANNED_CELLS.dump_python(self._planned(wildcards.table), mode="json")

    def made(self) -> dict[str, Any]:
        """What the files behind a table do not say of it."""
        config = self.project.config
        return {"scale": config.scale, "comparable": config.comparable, "part": str(config.only)}

    def inputs(self, wildcards: Wildcards) -> list[Path]:
        """The files behind a table."""
        planned = self._planned(wildcards.table)
        return sorted({path for cell in planned for path in (cell.scores, cell.timing) if path})

    def _planned(self, table: str) -> list[PlannedCell]:
        cells = self.project.grid.table(table).cells
        return [*map(self.planned_cell, cells), *self.faulty_cells(table)]

    def faulty_cells(self, table: str) -> list[PlannedCell]:
        """The cells of those rows that cannot be planned, with what is wrong with them."""
        faults = self.project.grid.faults_of(table)
        places = list(self.project.tables[table].task_metrics())
        return [
            PlannedCell(row=row, task=task, metric=metric, seed=seed, reason=fault)
            for row, fault in faults.items()
            for task, metric in places
            for seed in self.project.config.seeds
        ]

    def planned_cell(self, cell: Cell) -> PlannedCell:
        """One number with the files behind it."""
        run, scores = cell.evaluation.run, cell.evaluation.scores(self.project.config.selection)
        timing = self.project.timing_file if cell.metric == "sec/iter" else None
        return PlannedCell(
            row=cell.row.key,
            task=cell.task,
            metric=cell.metric,
            seed=cell.seed,
            variant=run.variant,
            run=str(run.folder),
            scores=scores,
            timing=timing,
        )

    def figure_headers(self, wildcards: Wildcards) -> list[str]:
        """The rows of a table as columns of its figure."""
        spec = self.project.tables[wildcards.table]
        return [row.key if spec.show_keys else row.label for row in self._pictured(wildcards.table)[0]]

    def figure_tasks(self, wildcards: Wildcards) -> list[dict[str, Any]]:
        """Each task of a table with its test folders and, row by row, its translations."""
        rows, tasks = self._pictured(wildcards.table)
        selection = self.project.config.selection
        return [
            {
                "title": self.project.tasks[task].title or task,
                "sources": str(self.project.test_folder(task, "source")),
                "targets": str(self.project.test_folder(task, "target")),
                "reading": self.project.config.data.reading,
                "translated": [str(self._first(wildcards.table, row, task).images(selection)) for row in rows],
            }
            for task in tasks
        ]

    def figure_inputs(self, wildcards: Wildcards) -> list[str]:
        """The translated folders of a figure."""
        return [folder for task in self.figure_tasks(wildcards) for folder in task["translated"]]

    def _first(self, table: str, row: RowSpec, task: str) -> Evaluation:
        """The first seed's evaluation of a row on a task."""
        cells = self.project.grid.table(table).cells
        return next(c.evaluation for c in cells if c.row == row and c.evaluation.task == task)

    def _pictured(self, table: str) -> tuple[list[RowSpec], list[str]]:
        """The rows of a table that can be made, and its tasks."""
        spec, faults = self.project.tables[table], self.project.grid.faults_of(table)
        rows = [row for row in spec.rows if row.key not in faults]
        return rows, list(dict.fromkeys(spec.trained_task(task) for task, _ in spec.task_metrics()))
