"""What the Snakemake rules ask about segmentation scores: whose network, where its weights are, for which tasks."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.config import DrnConfig
from eval.segmentation.published import PUBLISHED
from workflow import paths
from workflow.inputs.weights import record
from workflow.plan.grid import dataset_of

if TYPE_CHECKING:
    from workflow.project import Project, Wildcards

WEIGHTS = Path("weights")
"""Where published networks are looked for, under the project's folder."""


@dataclass(frozen=True)
class Segmentation:
    """The segmentation scores of a project."""

    project: Project

    @property
    def config(self) -> DrnConfig:
        return self.project.config.drn

    def is_scored(self, task: str) -> bool:
        """Whether some table asks for segmentation scores of this task."""
        return any(cell.task == task and cell.metric == "mAP" for cell in self.project.grid.cells)

    @property
    def file(self) -> Path | None:
        """The network's file where it is not trained here."""
        known = PUBLISHED.get(self.config.network)
        file = self.config.weights or (WEIGHTS / known.file if known else None)
        return self.project.base / file if file else None

    def network(self, wildcards: Wildcards) -> Path:
        """The weights that a task is scored with."""
        return self.file or self._trained(wildcards.target)

    def _trained(self, task: str) -> Path:
        dataset = dataset_of(task, self.project.tasks[task])
        return paths.fill(paths.DRN, scale=self.project.config.scale, dataset=dataset)

    def network_input(self, wildcards: Wildcards) -> list[Path]:
        """The same as an input; a file of the user's that is not there is told by the job: a plan does not need it."""
        weights = self.network(wildcards)
        return [weights] if self.file is None or weights.is_file() else []

    def network_arguments(self, wildcards: Wildcards) -> str:
        """The same as arguments of `python -m eval`."""
        file = shlex.quote(str(self.network(wildcards)))
        words = [f"--drn {file} --drn-network {self.config.network} {self._size('drn-')}", *self._reading]
        return " ".join([*words, f"--drn-sha256 {self.config.sha256}"] if self.config.sha256 else words)

    def inputs(self, wildcards: Wildcards) -> dict[str, Any]:
        """What scoring a task needs beyond features, if some table asks for its segmentation scores."""
        if not self.is_scored(wildcards.target):
            return {}
        return {"drn": self.network_input(wildcards), "ceiling": self._ceiling(wildcards)}

    def arguments(self, wildcards: Wildcards) -> str:
        """The same as arguments of `python -m eval evaluate`."""
        if not self.is_scored(wildcards.target):
            return ""
        labels = self.project.test_labels(wildcards)
        return f"{self.network_arguments(wildcards)} --labels {labels} --segmentation-real {self._ceiling(wildcards)}"

    def _ceiling(self, wildcards: Wildcards) -> Path:
        return paths.fill(paths.REAL_SEGMENTATION, scale=self.project.config.scale, target=wildcards.target)

    def trained_networks(self) -> list[Path]:
        """The networks of one's own for every dataset with a task that is scored, whoever's network scores it."""
        return sorted({self._trained(task) for task in self.project.tasks if self.is_scored(task)})

    def trunk(self) -> list[Path]:
        """What the training of such a network starts from."""
        return [record("drn-imagenet")] if self.config.trunk == "imagenet" else []

    def recipe(self) -> str:
        """That training, as arguments of `python -m eval drn-train`."""
        drn = self.config
        rates = f"--lr {drn.lr} --step {drn.step} --epochs {drn.epochs} --batch-size {drn.batch_size}"
        trunk = ["--trunk imagenet"] if drn.trunk == "imagenet" else []
        return " ".join([f"--width {drn.width} {self._size()} {rates}", *trunk, *self._reading])

    @property
    def _reading(self) -> list[str]:
        """How folders of images are read, as arguments."""
        return self.project.config.data.reading.arguments

    def _size(self, kind: str = "") -> str:
        return f"--{kind}size {' '.join(str(side) for side in self.config.size)}"
