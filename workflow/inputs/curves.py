"""Inputs and parameters of the rules that draw metrics over training: the runs whose saved generators are scored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from enco.errors import UserError
from eval.figures.planned import PlannedCurve
from eval.tables.spec import RowSpec
from workflow import paths
from workflow.plan.grid import Run
from workflow.plan.plan import Plan
from workflow.plan.wildcards import Wildcards


@dataclass(frozen=True)
class Curves:
    """The curves of a plan, one file for each task."""

    plan: Plan

    def current(self) -> list[Path]:
        """Return the curves of the tasks of `all_tables` that have any, where the user finds them."""
        tasks = [task for task in self.plan.headline_tasks if self._rows(task)]
        return [paths.fill(path, test_task=task) for task in tasks for path in paths.CURRENT_CURVE.values()]

    def inputs(self, wildcards: Wildcards) -> list[Path]:
        """Return the reports of a task's curves; UserError for a task without any."""
        if not (planned := self.planned(wildcards)):
            rows = ", ".join(self.plan.config.curves)
            raise UserError(f"No table has a row of 'curves' ({rows}) on {wildcards.test_task}: name others there.")
        return [one.report for one in planned]

    def planned(self, wildcards: Wildcards) -> list[PlannedCurve]:
        """Return the curves of a task, every seed of a row apart."""
        return self.of_task(wildcards.test_task)

    def of_task(self, task: str) -> list[PlannedCurve]:
        """Return the curves of a task by its name."""
        return [
            PlannedCurve(row.key, row.label, run.seed, run.at(paths.SELECTION_REPORT, test_task=task))
            for row, run in self._rows(task)
        ]

    def _rows(self, task: str) -> list[tuple[RowSpec, Run]]:
        """Return the rows and runs of a task's curves, each run once."""
        wanted = self.plan.config.curves
        cells = (cell for cell in self.plan.grid.cells if cell.row.key in wanted and cell.evaluation.task == task)
        found = {cell.evaluation.run: cell.row for cell in reversed(list(cells))}
        return sorted(
            ((row, run) for run, row in found.items()), key=lambda pair: (wanted.index(pair[0].key), pair[1].seed)
        )
