"""What the Snakemake rules ask about trainings: their settings, and whether one that is there is what is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from enco.config.run import RunConfig
from enco.io.files import read_json
from enco.records import RunRecord, find_record
from enco.training.identity import (
    Difference,
    code_differences,
    defaults_of,
    digest_of,
    plan_id,
    setting_differences,
    settings_of,
)
from enco.training.sources import method_sources

if TYPE_CHECKING:
    from workflow.plan.grid import Run
    from workflow.project import Project, Wildcards

sources_of = cache(method_sources)
"""The code of a method, read once for all of its runs."""


@dataclass(frozen=True)
class Trainings:
    """The trainings of a project."""

    project: Project

    def plan(self, wildcards: Wildcards) -> str:
        """What Snakemake remembers of a training: another text where it has to train again.

        It stays the same where a run's folder holds what is asked for, or what the training goes on with: an option
        that an upgrade brings at its default, a docstring, or kept code plan nothing.
        """
        run = self.project.run(wildcards)
        record = find_record(run.folder)
        if record and not self._differences(run.config, record):
            return record.plan
        return plan_id(run.config, sources_of(run.config.method))

    def why(self, wildcards: Wildcards, output: object) -> str:
        """What of a training that is there is not what is asked for, for the message of its job.

        Snakemake does not compare parameters that take the output.
        """
        run = self.project.run(wildcards)
        record = find_record(run.folder)
        differences = self._differences(run.config, record) if record else []
        return f" ({', '.join(map(str, differences))})" if differences else ""

    def settings(self, wildcards: Wildcards, output: object) -> str:
        """All settings of a run as JSON: how often it writes things down trains nothing again."""
        return self.project.run(wildcards).config.model_dump_json()

    def flags(self, wildcards: Wildcards, output: object) -> str:
        """How a job's processes load images, and what they do with a training that was made otherwise."""
        kept = "code computed" if self.project.config.changed_code == "keep" else "computed"
        return f"--workers {self.project.config.workers} --anew --keep {kept}"

    def _differences(self, config: RunConfig, record: RunRecord) -> list[Difference]:
        settings = setting_differences(record.settings, settings_of(config), defaults_of(config))
        return [*settings, *self.code_differences(config, record.sources)]

    def code_differences(self, config: RunConfig, sources: Mapping[str, str]) -> list[Difference]:
        """Files whose code is not that of a training; none where changed code is kept."""
        keeps = self.project.config.changed_code == "keep"
        return [] if keeps else code_differences(sources, sources_of(config.method))

    def timing_differs(self, timing: Mapping[str, Any], run: Run) -> bool:
        """Whether a timing file's seconds of a run's variant are of other settings or code than are asked for."""
        config = self.project.config
        asked, known = timing["asked"], timing["asked"]["variants"][run.variant]
        return (
            [asked["compute"], timing["size"]] != [config.compute.model_dump(mode="json"), self.project.size]
            or [timing["warmup"], timing["iterations"]] != [config.timing.warmup, config.timing.iterations]
            or [known["method"], known["options"]] != [run.config.method, run.config.options]
            or bool(self.code_differences(run.config, known["sources"]))
        )

    def timed_code(self) -> str:
        """What Snakemake remembers of the code that is timed: another text where seconds are of other code.

        Where changed code is kept, that of the seconds that are there.
        """
        timing = read_json(file) if (file := self.project.timing_file).is_file() else {}
        found = {name: known["sources"] for name, known in timing.get("asked", {}).get("variants", {}).items()}
        timed = {cell.evaluation.run for cell in self.project.grid.cells if cell.metric == "sec/iter"}
        now = {run.variant: sources_of(run.config.method) for run in timed}
        kept = self.project.config.changed_code == "keep" and found.keys() >= now.keys()
        return digest_of({name: (found if kept else now)[name] for name in sorted(now)})
