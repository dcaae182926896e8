"""The plan of one scale: its configuration, tables and tasks, and the trainings and evaluations that they need."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from enco import methods
from enco.config.base import parse
from enco.datasets.catalogue import NAME, TaskConfig
from enco.errors import UserError, unknown
from enco.options.base import MethodOptions
from eval.figures.paper.options import NAMES
from eval.records import Selection
from eval.tables.spec import TableSpec, load_tables
from workflow import paths
from workflow.plan.grid import Grid, Run, check_options, dataset_of, expand, is_backward
from workflow.plan.part import folder_name, keep
from workflow.plan.scale import ScaleConfig, load_mapping, tasks_of_scale, with_digests
from workflow.plan.selection import selected, selection_of, selections
from workflow.plan.wildcards import Wildcards, one_of_regex


@dataclass(frozen=True)
class Plan:
    """One scale's configuration, tables, tasks and grid; relative paths of the user's count from `base`."""

    config: ScaleConfig
    base: Path
    tables: dict[str, TableSpec]
    tasks: dict[str, TaskConfig]
    grid: Grid

    @classmethod
    def load(cls, config: dict[str, Any], base: Path) -> Plan:
        """Validate a configuration and expand its tables; raise UserError for whatever is wrong in it."""
        scale = with_digests(parse(ScaleConfig, config, "the configuration"), base)
        tables = selected(keep(load_tables(load_mapping(scale.tables, base, "tables")), scale.only), scale.selection)
        if paths.RELEASED_TABLE in tables:
            raise UserError(
                f"The table '{paths.RELEASED_TABLE}' is that of the authors' generators: give yours another name."
            )
        tasks = tasks_of_scale(scale, base)
        check_options(scale, methods.infos())
        return cls(scale, base, tables, tasks, expand(tables, tasks, scale, methods.infos()))

    def only(self, names: Iterable[str]) -> Plan:
        """Return the plan of these tables alone; raise UserError for a table that does not exist."""
        for name in names:
            if name not in self.tables:
                raise unknown("table", name, self.tables)
        kept = {name: self.tables[name] for name in names}
        return replace(self, tables=kept, grid=self.grid.only(kept))

    @property
    def headline(self) -> list[str]:
        """Tables that `all_tables` makes: the extra ones where they are named, or are all that is asked for."""
        named = self.config.only.tables
        wanted = [name for name, table in self.tables.items() if not table.extra or table.name in named]
        return wanted or list(self.tables)

    @property
    def selections(self) -> tuple[Selection, ...]:
        """The generators that are scored; claims and figures are made of the first."""
        return selections(self.config.selection)

    def selection_of(self, table: str) -> Selection:
        """Return of which generators a table is made."""
        return selection_of(table, self.config.selection)

    @property
    def tables_once(self) -> dict[str, TableSpec]:
        """Every table once: of two, that of the final generators."""
        return {name: spec for name, spec in self.tables.items() if self.selection_of(name) == self.selections[0]}

    @property
    def headline_tasks(self) -> list[str]:
        """Tasks of the tables that `all_tables` makes, each once."""
        return list(dict.fromkeys(evaluation.task for evaluation in self.grid.only(self.headline).evaluations))

    @property
    def faults(self) -> list[str]:
        """The faults of rows that are left out, one sentence each."""
        return list(dict.fromkeys(self.grid.faults.values()))

    @property
    def part(self) -> str:
        """The folder name of the tables of these seeds and rows: `seed0`, `seeds0-1-2`, `seed0-only-table1-enco`."""
        seeds, names = self.config.seeds, self.config.only.names
        made_of = f"seed{seeds[0]}" if len(seeds) == 1 else f"seeds{'-'.join(map(str, seeds))}"
        return folder_name("-".join([made_of, "only", *names]) if names else made_of, str(self.config.only))

    @property
    def datasets(self) -> dict[str, TaskConfig]:
        """One task for each dataset."""
        return {dataset_of(name, task): task for name, task in reversed(self.tasks.items())}

    @property
    def size(self) -> int:
        """Side of a test image, in pixels."""
        common = self.config.options.get("all", {})
        return int(common.get("test_size") or common.get("crop_size", MethodOptions().crop_size))

    @property
    def published(self) -> Path:
        """The file of the paper's numbers."""
        return self.base / self.config.published

    def run(self, wildcards: Wildcards) -> Run:
        """Return the run that a job's wildcards name; raise UserError if no table needs it."""
        for run in self.grid.runs:
            if (run.task, run.variant, str(run.seed)) == (wildcards.task, wildcards.variant, wildcards.seed):
                return run
        folder = f"{wildcards.task}/{wildcards.variant}/seed{wildcards.seed}"
        raise UserError(f"No table needs a run {folder}: `python -m workflow` lists those that are needed.")

    def is_backward(self, wildcards: Wildcards) -> bool:
        """Return whether a job's run translates the test images of its test task in reverse."""
        return is_backward(self.tasks[wildcards.task], self.tasks[wildcards.test_task])

    def template(self, template: str) -> str:
        """Fill the scale and the part of a template of workflow.paths, and leave other wildcards open."""
        return template.replace("{scale}", self.config.scale).replace("{part}", self.part)

    def file(self, template: str, **values: object) -> Path:
        """Fill a template of workflow.paths: the scale and the part are the plan's."""
        return paths.fill(self.template(template), **values)

    @property
    def timing_file(self) -> Path:
        """The seconds of every variant that some table prints; a part of the grid is timed apart from the whole."""
        return self.file(paths.PART_TIMING if self.config.only.names else paths.TIMING)

    def dataset(self, task: str) -> str:
        """Return the name of a task's image sets."""
        return dataset_of(task, self.tasks[task])

    def manifest(self, task: str) -> Path:
        """Return the manifest of a task's images."""
        return self.file(paths.MANIFEST, dataset=self.dataset(task))

    def test_folder(self, task: str, side: Literal["source", "target"]) -> Path:
        """Return the folder of the test images of a task's source or target domain."""
        forward = self.tasks[task].direction == "AtoB"
        name = "testA" if forward == (side == "source") else "testB"
        return self.file(paths.DATA, dataset=self.dataset(task)) / name

    def wildcard_constraints(self) -> dict[str, str]:
        """Return a regular expression of the valid values of each wildcard."""
        return {
            "scale": re.escape(self.config.scale),
            "dataset": one_of_regex(self.datasets),
            "task": one_of_regex(self.tasks),
            "test_task": one_of_regex(self.tasks),
            "variant": one_of_regex(run.variant for run in self.grid.runs),
            "seed": one_of_regex(str(seed) for seed in self.config.seeds),
            "table": one_of_regex([*self.tables, paths.RELEASED_TABLE]),
            "released": NAME,
            "part": re.escape(self.part),
            "figure": one_of_regex(NAMES),
            "selection": "final|best",
            "extractor": one_of_regex(self.config.features.beside),
        }
