"""Which published weights a plan's jobs need; they are found or fetched before them, on the machine with Snakemake."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eval.segmentation.published import PUBLISHED
from workflow import paths
from workflow.plan.grid import Run

if TYPE_CHECKING:
    from workflow.project import Project, Wildcards


def record(name: str) -> Path:
    """What `python -m eval weights` writes of a file that it found or fetched."""
    return paths.fill(paths.WEIGHTS, weights=name)


@dataclass(frozen=True)
class Weights:
    """The published weights that a project needs, by their records."""

    project: Project

    def features(self) -> list[Path]:
        """Of jobs that extract features."""
        return [record("inception")] if self.project.config.features.extractor == "inception" else []

    def training(self, wildcards: Wildcards) -> list[Path]:
        """Of one training."""
        return self._of_runs([self.project.run(wildcards)])

    def timing(self, wildcards: Wildcards) -> list[Path]:
        """Of the job that times every variant."""
        return self._of_runs(c.evaluation.run for c in self.project.grid.cells if c.metric == "sec/iter")

    def all(self) -> list[Path]:
        """Of the whole plan."""
        project = self.project
        scores = project.segmentation
        if not scores.trained_networks():
            return [*self.features(), *self._of_runs(project.grid.runs)]
        network = scores.trunk() if scores.file is None else self._placed()
        return [*self.features(), *self._of_runs(project.grid.runs), *network]

    def _placed(self) -> list[Path]:
        """The segmentation network that the user has to put there, which is asked for with the rest."""
        network = self.project.config.drn.network
        return [record(network)] if network in PUBLISHED else []

    def arguments(self, wildcards: Wildcards) -> str:
        """What to find or fetch, as arguments of `python -m eval weights`."""
        placed = ["--file", str(self.project.segmentation.file)] if wildcards.weights in PUBLISHED else []
        return shlex.join([wildcards.weights, *placed])

    def command(self) -> str:
        """What finds or fetches all of them."""
        names = [path.stem for path in self.all()]
        placed = ["--file", str(self.project.segmentation.file)] if PUBLISHED.keys() & set(names) else []
        return shlex.join(["python", "-m", "eval", "weights", *names, *placed]) if names else "true"

    def _of_runs(self, runs: Iterable[Run]) -> list[Path]:
        """FSeSim's VGG16, unless its option says that a random one will do."""
        return [record("vgg16")] if any(run.config.options.get("vgg") == "imagenet" for run in runs) else []
