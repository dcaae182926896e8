"""Inputs and parameters of the rules that train: settings, and whether a training that is there is up to date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from enco.config.run import RunConfig
from enco.records import RunRecord, find_record
from enco.training.identity import (
    Difference,
    code_differences,
    defaults_of,
    plan_id,
    setting_differences,
    settings_of,
)
from enco.training.sources import method_sources
from workflow import paths
from workflow.plan.grid import Run
from workflow.plan.plan import Plan
from workflow.plan.wildcards import Wildcards


@cache
def sources_of(method: str, *, copies: bool) -> Mapping[str, str]:
    """Return the digests of a method's code, which is read once for all of its runs."""
    return method_sources(method, copies=copies)


@dataclass(frozen=True)
class Trainings:
    """The trainings of a plan."""

    plan: Plan

    def manifest(self, wildcards: Wildcards) -> Path:
        """Return the manifest of the images that a run trains on."""
        return self.plan.manifest(wildcards.task)

    def tracking_store(self) -> list[Path]:
        """Return the MLflow store, opened by one process before trainings that mirror themselves while they run."""
        return [Path(paths.STORE_READY)] if self.plan.config.train.tracking == "live" else []

    def mirror_command(self) -> str:
        """Return what brings MLflow up to date when Snakemake ends; errors are printed and fail nothing."""
        if self.plan.config.train.tracking == "off":
            return "true"
        runs, cells, logs = self.plan.file(paths.RUNS), self.plan.file(paths.CELLS), self.plan.template(paths.TRAIN_LOG)
        tables = f"$(test ! -f {cells} || echo --tables {cells.parent})"
        return f"test ! -d {runs} || python -m enco.tracking sync {runs} --logs '{logs}' {tables} || true"

    def plan_id(self, wildcards: Wildcards) -> str:
        """Return what Snakemake remembers of a training: another text where it has to train again.

        The text stays the same where a run's folder holds what is asked for, or what the training goes on with: an
        option that an upgrade brings at its default, a docstring, or kept code plan nothing.
        """
        run = self.plan.run(wildcards)
        record = find_record(run.folder)
        if record and not self._differences(run.config, record):
            return record.plan
        return plan_id(run.config, _sources(run.config))

    def why(self, wildcards: Wildcards, output: object) -> str:
        """Return how a training that is there differs from the one asked for, for the message of the job.

        Snakemake does not compare parameters that take the output.
        """
        differences = self.differences(self.plan.run(wildcards))
        return f" ({', '.join(map(str, differences))})" if differences else ""

    def differences(self, run: Run) -> list[Difference]:
        """Return how a training that is there differs from the one asked for; nothing where none is there."""
        record = find_record(run.folder)
        return self._differences(run.config, record) if record else []

    def settings(self, wildcards: Wildcards, output: object) -> str:
        """Return all settings of a run as JSON; Snakemake compares `plan_id` instead of them."""
        return self.plan.run(wildcards).config.model_dump_json()

    def flags(self, wildcards: Wildcards, output: object) -> str:
        """Return how a job loads images, and what it does with a training that was made otherwise, as arguments."""
        kept = "code computed" if self.plan.config.changed_code == "keep" else "computed"
        return f"--workers {self.plan.config.workers} --anew --keep {kept}"

    def _differences(self, config: RunConfig, record: RunRecord) -> list[Difference]:
        settings = setting_differences(record.settings, settings_of(config), defaults_of(config))
        return [*settings, *self.code_differences(config, record.sources)]

    def code_differences(self, config: RunConfig, sources: Mapping[str, str]) -> list[Difference]:
        """Return the files whose code is not that of a training; none where changed code is kept."""
        keeps = self.plan.config.changed_code == "keep"
        return [] if keeps else code_differences(sources, _sources(config))


def _sources(config: RunConfig) -> Mapping[str, str]:
    return sources_of(config.method, copies=config.copy_steps > 0)
