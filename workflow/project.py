"""What the Snakemake rules ask: a scale's grid, and the files and settings of each of its jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from enco import methods
from enco.config.base import parse
from enco.config.run import RunConfig
from enco.datasets.catalogue import TaskConfig
from enco.errors import UserError, unknown
from enco.options.base import MethodOptions
from eval.tables.spec import TableSpec, load_tables
from workflow import paths
from workflow.inputs.data import ImageSets, either
from workflow.inputs.segmentation import Segmentation
from workflow.inputs.tables import PrintedTables
from workflow.inputs.train import Trainings
from workflow.inputs.weights import Weights
from workflow.plan.grid import Grid, Run, check_options, data_folder, dataset_of, expand
from workflow.plan.part import folder_name, keep
from workflow.plan.scale import ScaleConfig, load_mapping, load_tasks


class Wildcards(Protocol):
    """The wildcards of a job; which of these exist depends on its rule."""

    scale: str
    dataset: str
    task: str
    variant: str
    seed: str
    target: str
    selection: str
    table: str
    part: str
    weights: str


@dataclass(frozen=True)
class Project:
    """One scale's configuration, tables, tasks and grid."""

    config: ScaleConfig
    base: Path
    tables: dict[str, TableSpec]
    tasks: dict[str, TaskConfig]
    grid: Grid

    @classmethod
    def load(cls, config: dict[str, Any], base: Path) -> Project:
        """Validate a configuration and expand its tables; relative paths in it count from `base`.

        Raises UserError for whatever is wrong in it.
        """
        scale = parse(ScaleConfig, config, "the configuration")
        tables = keep(load_tables(load_mapping(scale.tables, base, "tables")), scale.only)
        tasks = load_tasks(scale, base)
        check_options(scale, methods.infos())
        project = cls(scale, base, tables, tasks, expand(tables, tasks, scale, methods.infos()))
        project.images.check()
        return project

    def only(self, names: Iterable[str]) -> Project:
        """The same project with these tables alone; UserError for a table that does not exist."""
        for name in names:
            if name not in self.tables:
                raise unknown("table", name, self.tables)
        kept = {name: self.tables[name] for name in names}
        return replace(self, tables=kept, grid=self.grid.only(kept))

    @property
    def headline(self) -> list[str]:
        """Tables that `all_tables` makes: the extra ones where they are named, or are all that is asked for."""
        wanted = [name for name, table in self.tables.items() if not table.extra or name in self.config.only.tables]
        return wanted or list(self.tables)

    @property
    def faults(self) -> list[str]:
        """What is wrong with rows that are left out, one sentence each."""
        return list(dict.fromkeys(self.grid.faults.values()))

    @property
    def part(self) -> str:
        """The name of what this configuration's tables are made of: `seed0`, `seeds0-1-2`, `seed0-only-table1-enco`."""
        seeds, names = self.config.seeds, self.config.only.names
        made_of = f"seed{seeds[0]}" if len(seeds) == 1 else f"seeds{'-'.join(map(str, seeds))}"
        return folder_name("-".join([made_of, "only", *names]) if names else made_of, str(self.config.only))

    @property
    def datasets(self) -> dict[str, TaskConfig]:
        """One task for each dataset."""
        return {dataset_of(name, task): task for name, task in reversed(self.tasks.items())}

    def wildcard_constraints(self) -> dict[str, str]:
        """A regular expression of the valid values of each wildcard."""
        runs = self.grid.runs
        return {
            "scale": re.escape(self.config.scale),
            "dataset": either(self.datasets),
            "task": either(self.tasks),
            "target": either(self.tasks),
            "variant": either(run.variant for run in runs),
            "seed": either(str(seed) for seed in self.config.seeds),
            "table": either(self.tables),
            "part": re.escape(self.part),
            "selection": "final|best",
        }

    def tracking_store(self) -> list[Path]:
        """What trainings wait for that mirror themselves while they run: one process opens the store before them."""
        return [Path(paths.STORE_READY)] if self.config.train.tracking == "live" else []

    @property
    def mirror_command(self) -> str:
        """What brings MLflow up to date when Snakemake ends, well or not; what goes wrong is said and fails nothing."""
        if self.config.train.tracking == "off":
            return "true"
        runs = paths.fill(paths.RUNS, scale=self.config.scale)
        return f"test ! -d {runs} || python -m enco.tracking sync {runs} || true"

    @property
    def images(self) -> ImageSets:
        """What there is to know of image sets."""
        return ImageSets(self)

    def task_folder(self, task: str) -> Path:
        return data_folder(self.config, dataset_of(task, self.tasks[task]))

    def run(self, wildcards: Wildcards) -> Run:
        """The run that a job's wildcards name; UserError if no table needs it."""
        for run in self.grid.runs:
            if (run.task, run.variant, str(run.seed)) == (wildcards.task, wildcards.variant, wildcards.seed):
                return run
        folder = f"{wildcards.task}/{wildcards.variant}/seed{wildcards.seed}"
        raise UserError(f"No table needs a run {folder}: `python -m workflow` lists those that are needed.")

    def manifest(self, task: str) -> Path:
        """The manifest of a task's images."""
        return paths.fill(paths.MANIFEST, scale=self.config.scale, dataset=dataset_of(task, self.tasks[task]))

    def run_data(self, wildcards: Wildcards) -> Path:
        """The manifest of the images that a run trains on."""
        return self.manifest(wildcards.task)

    def target_data(self, wildcards: Wildcards) -> Path:
        """The manifest of the images that a run is tested on."""
        return self.manifest(wildcards.target)

    def test_sources(self, wildcards: Wildcards) -> Path:
        return self.test_folder(wildcards.target, "source")

    def generator(self, wildcards: Wildcards) -> Path:
        """The generator that translates: the run's last one, or the one selected for the target."""
        run = self.run(wildcards)
        if wildcards.selection == "best":
            return run.at(paths.SELECTED, target=wildcards.target)
        return run.at(paths.GENERATOR)

    def way(self, wildcards: Wildcards) -> str:
        """'forward' on the run's own task, 'backward' on the way back."""
        same = self.tasks[wildcards.task].direction == self.tasks[wildcards.target].direction
        return "forward" if same else "backward"

    def test_folder(self, task: str, side: str) -> Path:
        """The test images of a task's source or target domain."""
        forward = self.tasks[task].direction == "AtoB"
        return self.task_folder(task) / ("testA" if forward == (side == "source") else "testB")

    def test_targets(self, wildcards: Wildcards) -> Path:
        return self.test_folder(wildcards.target, "target")

    def test_labels(self, wildcards: Wildcards) -> Path:
        """The label maps of a task's real target images, by the same file names."""
        folder = self.test_folder(wildcards.target, "target")
        return folder.with_name(f"{folder.name}_labels")

    @property
    def size(self) -> int:
        """Side of a test image, in pixels."""
        common = self.config.options.get("all", {})
        return int(common.get("test_size") or common.get("crop_size", MethodOptions().crop_size))

    def preparation(self) -> str:
        """How real images are prepared, as arguments of `python -m eval features`."""
        return f"--size {self.size}" + " --legacy-rounding" * self.config.features.legacy_rounding

    def extractor(self) -> str:
        """The feature extractor, and how folders of images are read, as arguments of `python -m eval`."""
        features = self.config.features
        size = f" --input-size {features.input_size}" if features.input_size else ""
        return " ".join([f"--extractor {features.extractor}{size}", *self.config.data.reading.arguments])

    @property
    def trainings(self) -> Trainings:
        """What there is to know of trainings."""
        return Trainings(self)

    @property
    def segmentation(self) -> Segmentation:
        """What there is to know of segmentation scores."""
        return Segmentation(self)

    @property
    def printed(self) -> PrintedTables:
        """What tables and figures are made of."""
        return PrintedTables(self)

    @property
    def weights(self) -> Weights:
        """The published weights that jobs need."""
        return Weights(self)

    @property
    def published(self) -> Path:
        return self.base / self.config.published

    def timing_variants(self, wildcards: Wildcards) -> str:
        """Method and options of every variant whose seconds some table prints, as JSON.

        UserError where one variant has different options on two tasks, and so no one time.
        """
        runs: dict[str, RunConfig] = {}
        for run in (cell.evaluation.run for cell in self.grid.cells if cell.metric == "sec/iter"):
            first = runs.setdefault(run.variant, run.config)
            if first.options != run.config.options:
                raise UserError(
                    f"Variant {run.variant} has other options on {run.task} than on {first.task}, so it has no one "
                    "sec/iter: ask for it on one of them, or set the same 'task_options'."
                )
        return json.dumps({name: {"method": run.method, "options": run.options} for name, run in sorted(runs.items())})

    @property
    def timing_file(self) -> Path:
        """The seconds of every variant that some table prints; a part of the grid is timed apart from the whole."""
        template = paths.PART_TIMING if self.config.only.names else paths.TIMING
        return paths.fill(template, scale=self.config.scale, part=self.part)

    def log(self, name: str) -> Path:
        """The log of a job that this scale has one of."""
        return paths.fill(paths.log(name), scale=self.config.scale)

    def benchmark(self, name: str) -> Path:
        """What Snakemake measures of such a job."""
        return paths.fill(paths.benchmark(name), scale=self.config.scale)
