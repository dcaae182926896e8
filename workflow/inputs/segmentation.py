"""Inputs and parameters of the rules of segmentation scores: the network, its weights, the tasks that are scored."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enco.config.flags import as_flags
from eval.config import DrnConfig, DrnRecipe
from eval.segmentation.releases import PUBLISHED
from workflow import paths
from workflow.plan.plan import Plan
from workflow.plan.wildcards import Wildcards

WEIGHTS = Path("weights")
"""Where published networks are looked for, under the project's folder."""


@dataclass(frozen=True)
class Segmentation:
    """The segmentation scores of a plan."""

    plan: Plan

    @property
    def config(self) -> DrnConfig:
        """The settings of the network."""
        return self.plan.config.drn

    def is_scored(self, task: str) -> bool:
        """Return whether some table asks for segmentation scores of a task."""
        return any(cell.task == task and cell.metric == "mAP" for cell in self.plan.grid.cells)

    @property
    def file(self) -> Path | None:
        """The network's file where it is not trained here."""
        known = PUBLISHED.get(self.config.network)
        file = self.config.weights or (WEIGHTS / known.file if known else None)
        return self.plan.base / file if file else None

    def network(self, wildcards: Wildcards) -> Path:
        """Return the weights that a task is scored with."""
        return self.file or self._trained(wildcards.test_task)

    def _trained(self, task: str) -> Path:
        return self.plan.file(paths.DRN, dataset=self.plan.dataset(task))

    def network_input(self, wildcards: Wildcards) -> list[Path]:
        """Return the network's weights as an input; none for a missing file of the user's, which the job reports."""
        weights = self.network(wildcards)
        return [weights] if self.file is None or weights.is_file() else []

    def network_arguments(self, wildcards: Wildcards) -> str:
        """Return the network, and how folders are read, as arguments of `python -m eval`."""
        return " ".join([self.drn_arguments(wildcards), *self._reading])

    def drn_arguments(self, wildcards: Wildcards) -> str:
        """Return the network alone as arguments of `python -m eval`."""
        file = shlex.quote(str(self.network(wildcards)))
        return " ".join([f"--drn {file}", *as_flags(self.config, "network", "size", "sha256", prefix="drn")])

    def inputs(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return what scoring a task needs beyond features, if some table asks for segmentation scores of the task."""
        if not self.is_scored(wildcards.test_task):
            return {}
        return {"drn": self.network_input(wildcards), "ceiling": self._ceiling(wildcards)}

    def arguments(self, wildcards: Wildcards) -> str:
        """Return network, label maps and ceiling as arguments of `python -m eval evaluate`; empty for other tasks."""
        if not self.is_scored(wildcards.test_task):
            return ""
        scored = f"--labels {self.labels(wildcards)} --segmentation-real {self._ceiling(wildcards)}"
        return f"{self.network_arguments(wildcards)} {scored}"

    def labels(self, wildcards: Wildcards) -> Path:
        """Return the label maps of a task's real target images, by the same file names."""
        return self.labels_of(wildcards.test_task)

    def labels_of(self, task: str) -> Path:
        """Return the label maps of a task, which `labels` returns for a job."""
        folder = self.plan.test_folder(task, "target")
        return folder.with_name(f"{folder.name}_labels")

    def _ceiling(self, wildcards: Wildcards) -> Path:
        return self.plan.file(paths.REAL_SEGMENTATION, test_task=wildcards.test_task)

    def trained_networks(self) -> list[Path]:
        """Return a network of one's own for every dataset with a task that is scored, by this network or another."""
        return sorted({self._trained(task) for task in self.plan.tasks if self.is_scored(task)})

    def trunk(self) -> list[Path]:
        """Return the published weights that the training of a network of one's own starts from."""
        return [paths.weights_record("drn-imagenet")] if self.config.trunk == "imagenet" else []

    def recipe(self) -> str:
        """Return the training of a network of one's own, as arguments of `python -m eval drn-train`."""
        trunk = ["--trunk imagenet"] if self.config.trunk == "imagenet" else []
        return " ".join([*as_flags(self.config, *DrnRecipe.model_fields), *trunk, *self._reading])

    @property
    def _reading(self) -> list[str]:
        """Arguments that say how folders of images are read."""
        return self.plan.config.data.reading.arguments
