"""Inputs and parameters of the rules that draw figures: which translations lie side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.figures.planned import PlannedFigure
from eval.tables.spec import RowSpec, TableSpec
from workflow import paths
from workflow.plan.grid import Evaluation
from workflow.plan.plan import Plan
from workflow.plan.wildcards import Wildcards

JUDGE = "enco"
"""Method whose translations decide which test images are shown."""


@dataclass(frozen=True)
class Figures:
    """The figures of a plan, one for each task: the rows of the first table that has the task."""

    plan: Plan

    def current(self) -> list[Path]:
        """Return the figures of the tasks of `all_tables`, where the user finds them."""
        return [paths.fill(paths.CURRENT_FIGURE, test_task=task) for task in self.plan.headline_tasks]

    def planned(self, wildcards: Wildcards) -> list[PlannedFigure]:
        """Return what the figure of a task is made of, in a list: Snakemake sees no change in an object of its own."""
        return [self.figure(wildcards.test_task, self.rows(wildcards.test_task))]

    def inputs(self, wildcards: Wildcards) -> list[Path]:
        """Return the translated folders and the features of a figure."""
        planned = self.planned(wildcards)[0]
        return [*planned.translated, planned.judge_features, planned.real_features]

    def rows(self, task: str) -> list[tuple[RowSpec, Evaluation]]:
        """Return each row of a task's figure with the first seed's evaluation."""
        found: dict[str, tuple[RowSpec, Evaluation]] = {}
        for cell in self.plan.grid.table(self._table(task).name).cells:
            if cell.evaluation.task == task:
                found.setdefault(cell.row.key, (cell.row, cell.evaluation))
        return list(found.values())

    def figure(self, task: str, rows: Sequence[tuple[RowSpec, Evaluation]]) -> PlannedFigure:
        """Return the figure of a task with these rows; the judge is the first of EnCo, or else the last of all."""
        selection, shows_keys = self.plan.selections[0], self._table(task).show_keys
        headers = [row.key if shows_keys else row.label for row, _ in rows]
        place = next((number for number, (row, _) in enumerate(rows) if row.method == JUDGE), len(rows) - 1)
        return PlannedFigure(
            headers=tuple(headers),
            translated=tuple(evaluation.images(selection) for _, evaluation in rows),
            sources=self.plan.test_folder(task, "source"),
            targets=self.plan.test_folder(task, "target"),
            judge=headers[place],
            judge_features=rows[place][1].features(selection),
            real_features=self.plan.file(paths.REAL_FULL, test_task=task),
            size=self.plan.size,
            reading=self.plan.config.data.reading,
        )

    def _table(self, task: str) -> TableSpec:
        """Return the first table that has a task."""
        name = next(cell.table for cell in self.plan.grid.cells if cell.evaluation.task == task)
        return self.plan.tables[name]
