"""Inputs and parameters of the rules that write tables: the files behind them, and where they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.tables.columns import METRICS
from eval.tables.planned import PLANNED_CELLS, PlannedCell
from eval.tables.spec import REFERENCE_ROW
from workflow import paths
from workflow.plan.grid import Cell
from workflow.plan.plan import Plan
from workflow.plan.wildcards import Wildcards, one_of_regex


@dataclass(frozen=True)
class PrintedTables:
    """The tables of a plan."""

    plan: Plan

    def pattern(self) -> str:
        """Return a regular expression of the tables that trainings are behind."""
        return one_of_regex(self.plan.tables)

    def files(self, templates: Mapping[str, str]) -> dict[str, str]:
        """Return templates of workflow.paths for this plan, their table left open."""
        return {kind: self.plan.template(template) for kind, template in templates.items()}

    def whereabouts(self) -> list[str]:
        """Return where a configuration's results lie, as far as there are any, as a call's last lines."""
        part, runs = (self.plan.file(template) for template in (paths.PART, paths.RUNS))
        trainings = [f"Trainings are in {runs}/."] if any(runs.glob("*")) else []
        tables = f"Tables are in {part}/; {paths.RESULTS}/ itself has the tables asked for last."
        return [*trainings, tables] if any(part.glob("*.csv")) else trainings

    def current(self) -> list[Path]:
        """Return the tables that `all_tables` makes, where the user finds them."""
        return [
            paths.fill(template, table=name) for name in self.plan.headline for template in paths.CURRENT_TABLE.values()
        ]

    def cell_files(self) -> list[Path]:
        """Return the tidy numbers of every table that `all_tables` makes."""
        return [self.plan.file(paths.TABLE["cells"], table=name) for name in self.plan.headline]

    def spec(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the rows and columns of a table."""
        return self.plan.tables[wildcards.table].model_dump(mode="json")

    def planned(self, wildcards: Wildcards) -> list[dict[str, Any]]:
        """Return the numbers of a table, each with the file that holds the number."""
        return PLANNED_CELLS.dump_python(self._planned(wildcards.table), mode="json")

    def provenance(self) -> dict[str, Any]:
        """Return what the files behind a table do not say: scale, comparability, part, distance."""
        config = self.plan.config
        about = {"scale": config.scale, "comparable": config.comparable, "part": str(config.only)}
        return about | {"distance": config.features.distance}

    def inputs(self, wildcards: Wildcards) -> list[Path]:
        """Return the files behind a table."""
        planned = self._planned(wildcards.table)
        return sorted({path for cell in planned for path in cell.files})

    def _planned(self, table: str) -> list[PlannedCell]:
        cells = self.plan.grid.table(table).cells
        return [*map(self.planned_cell, cells), *self.cells_without_runs(table), *self.reference_cells(table)]

    def faults(self, wildcards: Wildcards) -> list[str]:
        """Return what is wrong with the rows of a table that cannot be planned."""
        return list(dict.fromkeys(self.plan.grid.faults_of(wildcards.table).values()))

    def cells_without_runs(self, table: str) -> list[PlannedCell]:
        """Return the cells of rows that cannot be planned and of tasks that are left out, each with the reason."""
        spec, absent = self.plan.tables[table], self.plan.config.absent
        faults = self.plan.grid.faults_of(table)
        return [
            PlannedCell(row=row.key, task=task, metric=metric, seed=seed, reason=reason)
            for row in spec.rows
            for task, metric in spec.task_metrics()
            if (reason := faults.get(row.key) or absent.get(spec.trained_task(task, absent)))
            for seed in self.plan.config.seeds
        ]

    def reference_cells(self, table: str) -> list[PlannedCell]:
        """Return the cells of the untranslated inputs, which seeds do not change; none where they are not asked for."""
        wanted = self.plan.tables[table].task_metrics() if self.plan.config.reference else ()
        return [self._reference_cell(table, task, metric) for task, metric in wanted]

    def _reference_cell(self, table: str, task: str, metric: str) -> PlannedCell:
        config = self.plan.config
        scored = self.plan.tables[table].trained_task(task, config.absent)
        reason = config.absent.get(scored, "") if METRICS[metric].of_images else "nothing is trained"
        scores = None if reason else self.reference_file(scored)
        return PlannedCell(
            row=REFERENCE_ROW.key,
            task=task,
            metric=metric,
            seed=config.seeds[0],
            reference=scores,
            uncertainty=scores and paths.uncertainty_of(scores),
            reason=reason,
        )

    def reference_file(self, task: str) -> Path:
        """Return the scores of a task's untranslated inputs."""
        return self.plan.file(paths.UNTRANSLATED_SCORES, test_task=task)

    def planned_cell(self, cell: Cell) -> PlannedCell:
        """Return one number with the files behind the number."""
        run, scores = cell.evaluation.run, cell.evaluation.scores(self.plan.selection_of(cell.table))
        return PlannedCell(
            row=cell.row.key,
            task=cell.task,
            metric=cell.metric,
            seed=cell.seed,
            variant=run.variant,
            run=str(run.folder),
            scores=scores,
            uncertainty=paths.uncertainty_of(scores),
            timing=self.plan.timing_file if cell.metric == "sec/iter" else None,
        )
