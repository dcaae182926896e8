"""Published weights that a plan's jobs need; they are found or fetched before the jobs, where Snakemake runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from eval.segmentation.releases import PUBLISHED
from workflow import paths
from workflow.inputs.segmentation import Segmentation
from workflow.plan.grid import Run
from workflow.plan.plan import Plan
from workflow.plan.wildcards import Wildcards


@dataclass(frozen=True)
class Weights:
    """The published weights that a plan needs, by the records that `python -m eval weights` writes of them."""

    plan: Plan
    segmentation: Segmentation

    def features(self) -> list[Path]:
        """Return the weights of jobs that extract features."""
        return _of_extractors([self.plan.config.features.extractor])

    def features_beside(self, wildcards: Wildcards) -> list[Path]:
        """Return the weights of a job of a further extractor."""
        return _of_extractors([wildcards.extractor])

    def training(self, wildcards: Wildcards) -> list[Path]:
        """Return the weights of one training."""
        return _of_runs([self.plan.run(wildcards)])

    def timing(self, wildcards: Wildcards) -> list[Path]:
        """Return the weights of the job that times every variant."""
        return _of_runs(self.plan.grid.timed_runs)

    def all(self) -> list[Path]:
        """Return the weights of the whole plan."""
        beside = _of_extractors(self.plan.config.features.beside)
        return [*self.features(), *beside, *_of_runs(self.plan.grid.runs), *self._networks()]

    def _networks(self) -> list[Path]:
        """Return the segmentation network, or the backbone that one of the user's own starts from."""
        if not self.segmentation.trained_networks():
            return []
        if self.segmentation.file is None:
            return self.segmentation.trunk()
        network = self.plan.config.drn.network
        return [paths.weights_record(network)] if network in PUBLISHED else []

    def arguments(self, wildcards: Wildcards) -> str:
        """Return what to find or fetch, as arguments of `python -m eval weights`."""
        return self._arguments([wildcards.weights])

    def command(self) -> str:
        """Return the command that finds or fetches all weights."""
        names = [path.stem for path in self.all()]
        return f"python -m eval weights {self._arguments(names)}" if names else "true"

    def _arguments(self, names: list[str]) -> str:
        placed = ["--file", str(self.segmentation.file)] if PUBLISHED.keys() & set(names) else []
        return shlex.join([*names, *placed])


def _of_extractors(names: Iterable[str]) -> list[Path]:
    """Return the published weights of extractors; those of others lie in a package, or are drawn."""
    return [paths.weights_record(name) for name in names if name in ("inception", "dinov2")]


def _of_runs(runs: Iterable[Run]) -> list[Path]:
    """Return FSeSim's VGG16, unless the run's option says that a random one will do."""
    needed = any(run.config.options.get("vgg") == "imagenet" for run in runs)
    return [paths.weights_record("vgg16")] if needed else []
