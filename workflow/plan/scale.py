"""The settings of one scale (config/demo.yaml, config/paper.yaml, a user's own), typed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from enco.config.base import Settings, parse
from enco.config.compute import ComputeConfig
from enco.config.run import LEVELS, RECURSIVE, InitConfig, Levels, TrainConfig
from enco.config.yaml import read_yaml, section
from enco.data.reading import Reading
from enco.datasets.catalogue import NAME, TaskConfig, parse_tasks
from enco.datasets.cityscapes import PhotoFilter
from enco.datasets.obtain import ARCHIVES
from enco.datasets.paths import Source
from enco.errors import UserError, unknown
from enco.training.init_file import digested
from eval.config import DrnConfig, FeatureConfig, TimingConfig
from eval.figures.paper.options import PaperFigures
from eval.released.catalogue import CATALOGUE, FILES
from eval.sensitivity.choices import ProtocolConfig
from workflow.paths import SHARED
from workflow.plan.part import Only
from workflow.plan.selection import Choice

Epochs = Annotated[int, Field(ge=0, le=10**9)]


class DataSource(Settings):
    """Where the datasets come from: drawn by the procedural demo, folders of the user's, or published archives."""

    source: Source = Field(description="Drawn here, folders of your own, or published archives.")
    root: Path = Field(
        Path("data"),
        description="Folder that holds one folder for each dataset (source: folder; source: archives for those that"
        " are there).",
    )
    archives: Path = Field(ARCHIVES, description="Folder where archives are kept, fetched or put by hand.")
    mirror: str | None = Field(
        None, description="Address that is asked for archives instead of their own, or a folder that has them."
    )
    photo_filter: PhotoFilter = Field("legacy", description="What resizes Cityscapes' photos (docs/data.md).")
    recursive: bool = Field(False, description=RECURSIVE)
    levels: Levels = Field("16bit", description=LEVELS)
    size: int = Field(64, ge=16, le=2**14, description="Side of a demo image, in pixels.")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of the demo images.")
    scale_counts: float = Field(1.0, gt=0, le=1000, description="Multiplies the numbers of demo images.")

    @property
    def reading(self) -> Reading:
        """How folders of images are read."""
        return Reading(self.recursive, self.levels)


class ReleasedSource(Settings):
    """Where the generators that methods' authors published come from."""

    catalogue: Path = Field(CATALOGUE, description="File that lists them.")
    files: Path = Field(FILES, description="Folder where their files are fetched to, or put by hand.")


class ScaleConfig(Settings):
    """Everything of one scale; the Snakefile validates the user's config against it."""

    scale: str = Field(pattern=f"^{NAME}$", description="Name of the scale, and of its folder below results/.")
    comparable: bool = Field(False, description="Data, sizes and weights are the paper's, so deltas mean something.")
    tables: Path | dict[str, Any] = Field(
        Path("config/tables.yaml"), description="File of the tables, or the tables themselves."
    )
    tasks: Path | dict[str, Any] = Field(
        Path("config/datasets.yaml"), description="File of the tasks and data sets, or the tasks themselves."
    )
    published: Path = Field(
        Path("config/published.csv"), description="The paper's numbers, by table, row, task and metric."
    )
    released: ReleasedSource = ReleasedSource()
    claims: Path = Field(Path("config/claims.yaml"), description="The paper's claims, as checks on cells.")
    only: Only = Field(Only(), description="The part of the grid that is asked for; all of it where nothing is named.")
    absent: dict[str, str] = Field(
        default_factory=dict, description="Tasks that are left out of every table, each with the reason."
    )
    seeds: list[Annotated[int, Field(ge=0, lt=2**32)]] = Field(
        [0], min_length=1, description="Seeds of the trainings; a cell has the mean over them."
    )
    reference: bool = Field(True, description="Print the untranslated inputs below every table's methods.")
    share_directions: bool = Field(True, description="Train a two-sided method once for both directions of a dataset.")
    selection: Choice = Field(
        "final", description="Which generator is scored: the last, the best by the test set, or both in tables apart."
    )
    data: DataSource
    options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Method options of this scale; 'all' for every method."
    )
    task_options: dict[str, dict[str, dict[str, Any]]] = Field(
        default_factory=dict, description="Method options of single tasks, by task and method: advice of the authors."
    )
    init: dict[str, InitConfig | dict[str, InitConfig]] = Field(
        default_factory=dict,
        description="Generator files that trainings start from, by method, or by method and task.",
    )
    copy_steps: dict[str, Annotated[int, Field(ge=0, le=10**9)]] = Field(
        default_factory=dict,
        description="Steps in which a method learns to copy images before its training; 'default' for the rest.",
    )
    epochs: dict[str, tuple[Epochs, Epochs]] = Field(
        description="Constant and decay epochs by task; 'default' for the rest."
    )
    method_epochs: dict[str, tuple[Epochs, Epochs]] = Field(
        default_factory=dict, description="Epochs of the methods that have a schedule of their own, on every task."
    )
    caveats: tuple[str, ...] = Field(
        (), description="What a reader of the published numbers has to know of how the settings were chosen."
    )
    curves: tuple[str, ...] = Field(
        ("enco", "cut"), description="Rows whose metrics over training `snakemake curves` draws."
    )
    train: TrainConfig = TrainConfig()
    changed_code: Literal["retrain", "keep"] = Field(
        "retrain", description="A training whose code has changed since is made anew, or kept and gone on with."
    )
    workers: int = Field(
        0, ge=0, le=1024, description="Processes that load a training's images; 0 loads between iterations."
    )
    features: FeatureConfig = FeatureConfig()
    drn: DrnConfig = DrnConfig()
    protocol: ProtocolConfig = Field(
        ProtocolConfig(), description="What `snakemake results/protocol.csv` tries instead of these settings."
    )
    paper_figures: PaperFigures = Field(
        PaperFigures(), description="What the paper leaves open in the figures of `snakemake paper_figures`."
    )
    timing: TimingConfig = TimingConfig()
    compute: ComputeConfig = Field(
        ComputeConfig(), description="How trainings and timings compute; plain is as published."
    )

    def init_of(self, method: str, task: str) -> InitConfig | None:
        """Return the generator file that a method's training on a task starts from, if there is one."""
        found = self.init.get(method)
        return found.get(task) if isinstance(found, dict) else found

    def copy_steps_of(self, method: str, task: str) -> int:
        """Return the steps in which a method learns to copy first; none by default where it starts from a file."""
        default = 0 if self.init_of(method, task) else self.copy_steps.get("default", 0)
        return self.copy_steps.get(method, default)

    @field_validator("scale")
    @classmethod
    def _is_no_other_folder(cls, scale: str) -> str:
        if scale in SHARED:
            raise ValueError(f"the folder results/{scale} is for something else: choose another name for the scale")
        return scale

    @field_validator("seeds")
    @classmethod
    def _seeds_in_order(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"each seed is trained once, and {seeds} names one twice: keep one of them")
        return sorted(seeds)

    @model_validator(mode="after")
    def _every_task_has_epochs(self) -> ScaleConfig:
        if "default" not in self.epochs:
            raise ValueError("epochs needs a 'default' for the tasks that it does not name")
        return self

    @model_validator(mode="after")
    def _something_to_select(self) -> ScaleConfig:
        if self.selection != "final" and not self.train.snapshot_epochs:
            raise ValueError(
                f"selection '{self.selection}' needs train.snapshot_epochs above 0, or there is nothing to choose from"
            )
        return self


def load_mapping(source: Path | dict[str, Any], base: Path, key: str) -> dict[str, Any]:
    """Return a mapping written inline, or under `key` in a YAML file (a relative path counts from `base`)."""
    if isinstance(source, dict):
        return source
    path = base / source
    if not path.is_file():
        raise UserError(f"{path} does not exist: set '{key}' to a YAML file or write the {key} inline.")
    content = read_yaml(path)
    if key not in content:
        raise UserError(f"{path} has no key '{key}'.")
    return section(content, key, path)


def tasks_of_scale(config: ScaleConfig, base: Path) -> dict[str, TaskConfig]:
    """Return every task by name."""
    entries = load_mapping(config.tasks, base, "tasks")
    for name in entries:
        if not re.fullmatch(NAME, str(name)):
            raise UserError(f"The task name '{name}' cannot be part of a path: use letters, digits, '-' and '_'.")
    tasks = parse_tasks(entries)
    inits = {f"init.{method}": [*files] for method, files in config.init.items() if isinstance(files, dict)}
    named = {"task_options": [*config.task_options], "absent": [*config.absent], "epochs": [*config.epochs], **inits}
    for key, names in named.items():
        known = {*tasks, "default"} if key == "epochs" else {*tasks}
        for name in names:
            if name not in known:
                raise unknown("task", name, known, f"'{key}' of scale {config.scale}")
    return tasks


def with_digests(config: ScaleConfig, base: Path) -> ScaleConfig:
    """Complete every generator file that trainings start from by its SHA-256; relative paths count from `base`.

    A file whose SHA-256 is given in full may be gone: only trainings that are yet to be made need it. Raises UserError
    for another file that is missing, and for one that has another SHA-256 than is given.
    """

    def found(init: InitConfig) -> InitConfig:
        return digested(init.model_copy(update={"path": base / init.path}))

    inits = {
        method: {task: found(init) for task, init in files.items()} if isinstance(files, dict) else found(files)
        for method, files in config.init.items()
    }
    return config.model_copy(update={"init": inits})


def load_scale(path: Path) -> ScaleConfig:
    """Read and validate a scale's YAML file; UserError if it is missing or wrong."""
    if not path.is_file():
        raise UserError(f"{path} does not exist: name a file such as config/demo.yaml or config/paper.yaml.")
    return parse(ScaleConfig, read_yaml(path), str(path))
