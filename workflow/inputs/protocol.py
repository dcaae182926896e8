"""Inputs and parameters of the rules of the protocol's error budget: what is scored, under which alternatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from enco.errors import UserError, unknown
from eval.records import Selection
from eval.segmentation.releases import PUBLISHED, check_there
from eval.sensitivity.choices import Alternatives, Size, spelled
from eval.sensitivity.planned import (
    PLANNED_ALTERNATIVES,
    PLANNED_SCORES,
    PlannedAlternative,
    PlannedScores,
)
from eval.tables.columns import METRICS, parts
from eval.tables.planned import PLANNED_CELLS
from eval.tables.spec import TableSpec
from workflow import paths
from workflow.inputs.segmentation import WEIGHTS, Segmentation
from workflow.inputs.tables import PrintedTables
from workflow.plan.grid import Cell, Evaluation
from workflow.plan.plan import Plan
from workflow.plan.wildcards import Wildcards

Source = Literal["scores", "measured", "other"]
SOURCES: dict[str, Source] = {"real_set": "scores", "recall": "scores", "checkpoint": "other"}
"""Choices whose numbers are in scores files; those of all others are measured."""
ENTRANCE = {"inception": "tensor", "random-inception": "tensor"}
"""How extractors bring images to their size, where that is one of the filters that are tried."""
OF_REAL_IMAGES = {"resize", "network_resize", "legacy_rounding"}
"""Choices that touch real images."""


@dataclass(frozen=True)
class Protocol:
    """The error budget of a plan: the rows of one table under every choice of the protocol."""

    plan: Plan
    segmentation: Segmentation
    tables: PrintedTables

    def files(self, templates: Mapping[str, str]) -> dict[str, str]:
        """Return templates of workflow.paths for this plan."""
        return self.tables.files(templates)

    @property
    def table(self) -> str:
        """The name of the table; UserError for one that does not exist."""
        name = self.plan.config.protocol.table or self.plan.headline[0]
        if name not in self.plan.tables:
            raise unknown("table", name, self.plan.tables, "'protocol'")
        return name

    @cached_property
    def cells(self) -> list[Cell]:
        """The table's numbers that scores files have, on the tasks asked for; UserError where there is none."""
        known = [cell for cell in self.plan.grid.table(self.table).cells if _is_tried(cell.metric)]
        found = [cell for cell in known if cell.task == cell.evaluation.task]
        wanted = self.plan.config.protocol.tasks or [cell.task for cell in found]
        for task in wanted:
            if task not in {cell.task for cell in found}:
                raise unknown("task", task, {cell.task for cell in found}, f"'protocol' (tasks of {self.table})")
        if not found:
            raise UserError(f"No row of {self.table} can be scored: name another table by 'protocol: {{table: ...}}'.")
        return [cell for cell in found if cell.task in wanted]

    def spec(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the rows of the table, and its columns that are tried."""
        spec: TableSpec = self.plan.tables[self.table]
        tasks = {cell.task for cell in self.cells}
        kept = [
            column.model_copy(update={"metrics": tuple(name for name in column.metrics if _is_tried(name))})
            for column in spec.columns
            if column.task in tasks
        ]
        columns = [column for column in kept if column.metrics]
        return spec.model_copy(update={"columns": tuple(columns)}).model_dump(mode="json")

    def planned_cells(self, wildcards: Wildcards) -> list[dict[str, Any]]:
        """Return the table's own numbers, whose protocol is the default; no setting is resampled."""
        cells = [replace(self.tables.planned_cell(cell), uncertainty=None) for cell in self.cells]
        return PLANNED_CELLS.dump_python(cells, mode="json")

    def planned(self, wildcards: Wildcards) -> list[dict[str, Any]]:
        """Return the files of every row, task and seed."""
        return PLANNED_SCORES.dump_python(self._planned(), mode="json")

    def inputs(self, wildcards: Wildcards) -> list[Path]:
        """Return every file behind the budget."""
        planned = self._planned()
        return sorted({path for one in planned for path in (one.scores, one.measured, one.other) if path})

    def _planned(self) -> list[PlannedScores]:
        own, other = self._selection, self._other_selection
        found = {(cell.row.key, cell.task, cell.seed): cell.evaluation for cell in self.cells}
        return [
            PlannedScores(
                row=row,
                task=task,
                seed=seed,
                scores=evaluation.scores(own),
                measured=_measured(evaluation, own),
                other=evaluation.scores(other) if other else None,
            )
            for (row, task, seed), evaluation in found.items()
        ]

    @property
    def _selection(self) -> Selection:
        return self.plan.selection_of(self.table)

    @property
    def _other_selection(self) -> Selection | None:
        """The other of the two generators, where that is asked for and there is one."""
        other: Selection = "final" if self._selection == "best" else "best"
        asked = other in self.plan.config.protocol.choices.checkpoint
        return other if asked and self.plan.config.train.snapshot_epochs else None

    def alternatives(self, wildcards: Wildcards) -> list[dict[str, Any]]:
        """Return every setting that is not the scale's own, with the reasons why it is not tried."""
        defaults, tasks = self._defaults(), dict.fromkeys(cell.task for cell in self.cells)
        found = [
            PlannedAlternative(
                choice=choice,
                setting=spelled(setting),
                default=defaults[choice],
                source=SOURCES.get(choice, "measured"),
                reasons={task: why for task in tasks if (why := self._reason(choice, setting, task))},
            )
            for choice, settings in self._settings().items()
            for setting in settings
        ]
        return PLANNED_ALTERNATIVES.dump_python(found, mode="json")

    def _defaults(self) -> dict[str, str]:
        """Return the scale's own setting of every choice."""
        config = self.plan.config
        return {
            "real_set": "paired",
            "resize": "bicubic",
            "network_resize": ENTRANCE.get(config.features.extractor, "antialiased"),
            "jpeg": "png",
            "legacy_rounding": spelled(config.features.legacy_rounding),
            "k": spelled(config.features.k),
            "recall": "piq",
            "drn_weights": config.drn.network,
            "drn_size": spelled(config.drn.size),
            "checkpoint": self._selection,
        }

    def _settings(self) -> dict[str, list[Any]]:
        """Return the settings of every choice that are tried, each once and without the scale's own."""
        choices = dict(self.plan.config.protocol.choices)
        choices["drn_size"] = tuple(self._drn_size(factor) for factor in choices["drn_size"])
        defaults = self._defaults()
        return {
            choice: [setting for setting in dict.fromkeys(settings) if spelled(setting) != defaults[choice]]
            for choice, settings in choices.items()
        }

    def _drn_size(self, factor: float) -> Size:
        width, height = (max(8, round(side * factor)) for side in self.segmentation.config.size)
        return width, height

    def _reason(self, choice: str, setting: Any, task: str) -> str:
        """Return why a setting is not tried on a task; empty where it is."""
        if choice == "checkpoint" and not self.plan.config.train.snapshot_epochs:
            return "no generators are saved during training (train.snapshot_epochs is 0)"
        if choice.startswith("drn_") and not self.segmentation.is_scored(task):
            return "no label maps, or no column mAP"
        if choice == "drn_weights":
            return self._network_gap(setting, task)
        return ""

    def _network_gap(self, network: str, task: str) -> str:
        """Return why there is no segmentation network of a publisher; empty where its file is there."""
        try:
            check_there(self._network_file(network, task), network)
        except UserError as error:
            return str(error)
        return ""

    def _network_file(self, network: str, task: str) -> Path:
        if network in PUBLISHED:
            return self.plan.base / WEIGHTS / PUBLISHED[network].file
        return self.plan.file(paths.DRN, dataset=self.plan.dataset(task))

    def real_alternatives(self, wildcards: Wildcards) -> str:
        """Return the alternatives that touch real images, as JSON."""
        settings = {choice: found for choice, found in self._settings().items() if choice in OF_REAL_IMAGES}
        return Alternatives.model_validate(settings).model_dump_json()

    def measured_alternatives(self, wildcards: Wildcards) -> str:
        """Return the alternatives that translations of a task are measured under, as JSON."""
        task = wildcards.test_task
        tried = {
            choice: [setting for setting in settings if not self._reason(choice, setting, task)]
            for choice, settings in self._settings().items()
            if choice not in SOURCES
        }
        return Alternatives.model_validate(tried | {"drn_weights": self._networks(task)}).model_dump_json()

    def _networks(self, task: str) -> dict[str, Path]:
        """Return the file of every segmentation network that a task is tried with."""
        tried = [name for name in self._settings()["drn_weights"] if not self._reason("drn_weights", name, task)]
        return {name: self._network_file(name, task) for name in tried}

    def segmentation_inputs(self, wildcards: Wildcards) -> list[Path]:
        """Return the scale's own segmentation network and the others, if some table asks for scores of the task."""
        if not self.segmentation.is_scored(wildcards.test_task):
            return []
        return [*self.segmentation.network_input(wildcards), *self._networks(wildcards.test_task).values()]

    def segmentation_arguments(self, wildcards: Wildcards) -> str:
        """Return label maps and network as arguments of `python -m eval sensitivity measure`."""
        if not self.segmentation.is_scored(wildcards.test_task):
            return ""
        return f"--labels {self.segmentation.labels(wildcards)} {self.segmentation.drn_arguments(wildcards)}"


def _is_tried(column_metric: str) -> bool:
    """Return whether a printed column is of images, by the numbers of scores files: those are scored otherwise, too."""
    metrics = [METRICS[name] for name in parts(column_metric)]
    return all(metric.of_images and metric.source == "scores" for metric in metrics)


def _measured(evaluation: Evaluation, selection: str) -> Path:
    return evaluation.run.at(paths.MEASURED, test_task=evaluation.task, selection=selection)
