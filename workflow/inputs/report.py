"""Inputs and parameters of the rules that draw figures: which translations lie side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.tables.spec import RowSpec
from workflow import paths
from workflow.plan.grid import Evaluation
from workflow.plan.plan import Plan
from workflow.plan.wildcards import Wildcards


@dataclass(frozen=True)
class Figures:
    """The figures of a plan, one for each table."""

    plan: Plan

    def current(self) -> list[Path]:
        """Return the figures of the tables that `all_tables` makes, where the user finds them."""
        return [paths.fill(paths.CURRENT_FIGURE, table=name) for name in self.plan.headline]

    def headers(self, wildcards: Wildcards) -> list[str]:
        """Return the rows of a table as columns of the table's figure."""
        spec = self.plan.tables[wildcards.table]
        return [row.key if spec.show_keys else row.label for row in self._rows(wildcards.table)]

    def tasks(self, wildcards: Wildcards) -> list[dict[str, Any]]:
        """Return each task of a table with its test folders and, row by row, its translations."""
        table = wildcards.table
        return [
            {
                "title": self.plan.tasks[task].title or task,
                "sources": str(self.plan.test_folder(task, "source")),
                "targets": str(self.plan.test_folder(task, "target")),
                "reading": self.plan.config.data.reading,
                "translated": [
                    str(self._first(table, row, task).images(self.plan.config.selection)) for row in self._rows(table)
                ],
            }
            for task in self._tasks(table)
        ]

    def inputs(self, wildcards: Wildcards) -> list[str]:
        """Return the translated folders of a figure."""
        return [folder for task in self.tasks(wildcards) for folder in task["translated"]]

    def _first(self, table: str, row: RowSpec, task: str) -> Evaluation:
        """Return the first seed's evaluation of a row on a task."""
        cells = self.plan.grid.table(table).cells
        return next(c.evaluation for c in cells if c.row == row and c.evaluation.task == task)

    def _rows(self, table: str) -> list[RowSpec]:
        """Return the rows of a table that can be made."""
        faults = self.plan.grid.faults_of(table)
        return [row for row in self.plan.tables[table].rows if row.key not in faults]

    def _tasks(self, table: str) -> list[str]:
        spec = self.plan.tables[table]
        return list(dict.fromkeys(spec.trained_task(task) for task, _ in spec.task_metrics()))
