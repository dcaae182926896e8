"""What of a project is made, for pages that show it: trainings, tables, figures, curves, image sets, settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from enco.data.folders import SETS
from enco.data.manifest import read_counts, read_training_hash
from eval.figures.planned import PlannedCurve, PlannedFigure
from eval.records import read_selection
from eval.tables.planned import PlannedCell
from workflow import paths
from workflow.plan.grid import Evaluation, Run
from workflow.plan.plan import Plan
from workflow.project import Project
from workflow.so_far import SoFar

NOT_SAID = (
    *("data.root", "data.archives", "data.mirror", "drn.weights", "tables", "tasks", "published"),
    *("only", "workers", "scale", "seeds", "comparable", "init", "protocol", "released", "caveats"),
)
"""Settings that are of a machine or a call, stand elsewhere on a page, or are of other tables."""


@dataclass(frozen=True)
class Made:
    """What of a project is made as its configuration asks for."""

    project: Project

    @property
    def plan(self) -> Plan:
        """The plan of the project."""
        return self.project.plan

    @cached_property
    def gaps(self) -> dict[Run, str]:
        """Why each run is not trained; empty for one that is."""
        return SoFar(self.project).gaps()

    @cached_property
    def trained(self) -> list[Run]:
        """The runs that are trained."""
        return [run for run, gap in self.gaps.items() if not gap]

    @cached_property
    def score_gaps(self) -> dict[Evaluation, str]:
        """Why each evaluation has no scores, of the first selection; empty for one that has."""
        return SoFar(self.project).score_gaps()

    @cached_property
    def scored(self) -> list[Evaluation]:
        """The evaluations that have scores, of the first selection."""
        return [evaluation for evaluation, gap in self.score_gaps.items() if not gap]

    @property
    def tasks(self) -> list[str]:
        """The tasks of the tables, each once."""
        return list(dict.fromkeys(evaluation.task for evaluation in self.plan.grid.evaluations))

    def title(self, task: str) -> str:
        """Return a task as pages name it."""
        return self.plan.tasks[task].title or task

    def tables(self) -> dict[str, list[PlannedCell]]:
        """Return the cells of each table, by name; of the extra tables those that have a number."""
        planned = {name: SoFar(self.project).planned(name) for name in self.plan.tables}
        wanted = self.plan.headline
        return {name: cells for name, cells in planned.items() if name in wanted or any(cell.file for cell in cells)}

    def figure(self, task: str) -> PlannedFigure | None:
        """Return the figure of a task with the rows that are scored; None where it cannot be drawn."""
        rows = [(row, evaluation) for row, evaluation in self.project.report.rows(task) if evaluation in self.scored]
        if not rows or not self.plan.manifest(task).exists():
            return None
        planned = self.project.report.figure(task, rows)
        return planned if all(needed.exists() for needed in planned.files) else None

    def curves(self, task: str) -> list[PlannedCurve]:
        """Return the curves of a task, of the runs whose saved generators are scored."""
        return list(filter(self._is_of_a_training, self.project.curves.of_task(task)))

    def _is_of_a_training(self, curve: PlannedCurve) -> bool:
        """Return whether a curve is there, of the training that is there now and of the configuration's distance."""
        record = curve.report.parents[1] / Path(paths.RECORD).name
        trained = record.parent in {run.folder for run in self.trained}
        if not trained or not curve.report.exists() or curve.report.stat().st_mtime < record.stat().st_mtime:
            return False
        return read_selection(curve.report).distance == self.plan.config.features.distance

    def data(self) -> Iterator[dict[str, object]]:
        """Yield counts, digest and licence of each image set that is in place."""
        for manifest in self.project.data.manifests():
            if manifest.exists():
                yield self._data_line(manifest.parent)

    def _data_line(self, folder: Path) -> dict[str, object]:
        counts = {name: count for name, count in read_counts(folder).items() if name in SETS}
        line: dict[str, object] = {"data": folder.name, **counts, "training_hash": read_training_hash(folder)}
        if self.plan.config.data.source == "demo":
            return {**line, "licence": "drawn by the demo"}
        known = self.project.data.published.get(folder.name)
        return {**line, "licence": known.licence, "site": known.site} if known else line

    def settings(self) -> dict[str, object]:
        """Return the settings of the scale that differ from the defaults, by dotted keys."""
        settings = flat(self.plan.config.model_dump(mode="json", exclude_defaults=True))
        return {key: value for key, value in settings.items() if not key.startswith(NOT_SAID)}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Return nested settings by dotted keys."""
    found: dict[str, object] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found
