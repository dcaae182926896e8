"""Inputs and parameters of the rule that times iterations: variants, their code, and whether seconds are up to date."""

from __future__ import annotations

import json
from dataclasses import dataclass

from enco.config.run import RunConfig
from enco.errors import UserError
from enco.training.identity import digest_of
from eval.records import Timing, read_timing
from workflow.inputs import train
from workflow.plan.grid import Run
from workflow.plan.plan import Plan
from workflow.plan.wildcards import Wildcards


@dataclass(frozen=True)
class Timings:
    """The timed variants of a plan."""

    plan: Plan

    def variants(self, wildcards: Wildcards) -> str:
        """Return method and options of every timed variant, as JSON.

        Raises UserError where one variant has different options on two tasks, and so no one time.
        """
        runs: dict[str, RunConfig] = {}
        for run in self.plan.grid.timed_runs:
            first = runs.setdefault(run.variant, run.config)
            if first.options != run.config.options:
                raise UserError(
                    f"Variant {run.variant} has other options on {run.task} than on {first.task}, so it has no one "
                    "sec/iter: ask for it on one of them, or set the same 'task_options'."
                )
        return json.dumps({name: {"method": run.method, "options": run.options} for name, run in sorted(runs.items())})

    def code(self) -> str:
        """Return a digest of the code that is timed, which Snakemake remembers: another one has it time again.

        Where changed code is kept, the digest is of the code of the seconds that are there.
        """
        timing = read_timing(file) if (file := self.plan.timing_file).is_file() else None
        found = {name: known.sources for name, known in timing.asked.variants.items()} if timing else {}
        now = {run.variant: train.sources_of(run.config.method, copies=False) for run in self.plan.grid.timed_runs}
        kept = self.plan.config.changed_code == "keep" and found.keys() >= now.keys()
        return digest_of({name: (found if kept else now)[name] for name in sorted(now)})

    def differs(self, timing: Timing, run: Run) -> bool:
        """Return whether a timing file's seconds of a run's variant are of other settings or code than asked for.

        Copying comes before the iterations that are timed, so its code does not count.
        """
        config = self.plan.config
        known = timing.asked.variants[run.variant]
        return (
            (timing.asked.compute, timing.size) != (config.compute, self.plan.size)
            or (timing.warmup, timing.iterations) != (config.timing.warmup, config.timing.iterations)
            or (known.method, known.options) != (run.config.method, run.config.options)
            or (config.changed_code != "keep" and known.sources != train.sources_of(run.config.method, copies=False))
        )
