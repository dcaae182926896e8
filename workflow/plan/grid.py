"""Tables to cells to runs: which trainings and evaluations the tables need, each once. Pure: no file is touched.

A run is (scale, task, variant, seed). The variant is named by what differs from the method's defaults, so two cells
that need the same training name the same run. A two-sided method's run serves both directions of its dataset.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enco.config.base import parse
from enco.config.run import DataConfig, RunConfig, TrainConfig
from enco.datasets.catalogue import TaskConfig
from enco.errors import UserError, unknown
from enco.methods import broken_or_unknown
from enco.options.base import MethodInfo, MethodOptions
from eval.tables.spec import RowSpec, TableSpec
from workflow import paths
from workflow.plan.scale import ScaleConfig

Methods = Mapping[str, MethodInfo]


@dataclass(frozen=True)
class Run:
    """One training."""

    scale: str
    task: str
    variant: str
    seed: int
    config: RunConfig = field(compare=False)

    def at(self, template: str, **more: object) -> Path:
        """A path of this run's, from a template of workflow.paths."""
        about = {"scale": self.scale, "task": self.task, "variant": self.variant, "seed": self.seed}
        return paths.fill(template, **about, **more)

    @property
    def folder(self) -> Path:
        return self.at(paths.RUN)


@dataclass(frozen=True)
class Evaluation:
    """One run scored on one task: its own, or the way back of a two-sided method."""

    run: Run
    task: str
    way: str

    def images(self, selection: str) -> Path:
        return self.run.at(paths.TRANSLATED, target=self.task, selection=selection)

    def scores(self, selection: str) -> Path:
        return self.run.at(paths.SCORES, target=self.task, selection=selection)


@dataclass(frozen=True)
class Cell:
    """One number of one table for one seed."""

    table: str
    row: RowSpec
    task: str
    metric: str
    seed: int
    evaluation: Evaluation


@dataclass(frozen=True)
class Grid:
    """Everything the tables need; `faults` says, by table and row, what is wrong with rows that cannot be planned."""

    cells: tuple[Cell, ...]
    faults: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def evaluations(self) -> list[Evaluation]:
        return list(dict.fromkeys(cell.evaluation for cell in self.cells))

    @property
    def runs(self) -> list[Run]:
        return list(dict.fromkeys(evaluation.run for evaluation in self.evaluations))

    def table(self, name: str) -> Grid:
        return self.only([name])

    def only(self, tables: Collection[str]) -> Grid:
        """What these tables need."""
        faults = {place: fault for place, fault in self.faults.items() if place[0] in tables}
        return Grid(tuple(cell for cell in self.cells if cell.table in tables), faults)

    def faults_of(self, table: str) -> dict[str, str]:
        """What is wrong with the rows of a table that cannot be planned, by key."""
        return {row: fault for (name, row), fault in self.faults.items() if name == table}


def expand(
    tables: Mapping[str, TableSpec], tasks: Mapping[str, TaskConfig], config: ScaleConfig, methods: Methods
) -> Grid:
    """Expand every table into cells, sharing runs.

    A row with an unknown method, or with options that its method or the scale does not take, becomes a fault, and the
    other rows go on. Raises UserError for an unknown task, and for settings of tasks that contradict each other.
    """
    faults = {
        (name, row.key): fault
        for name, table in tables.items()
        for row in table.rows
        if (fault := _fault(row, name, table, config, methods))
    }
    cells = (
        cell for name, table in tables.items() for cell in _table_cells(name, table, tasks, config, methods, faults)
    )
    return Grid(tuple(cells), faults)


def _fault(row: RowSpec, name: str, table: TableSpec, config: ScaleConfig, methods: Methods) -> str:
    """What is wrong with a row whatever its tasks are; empty if nothing."""
    try:
        if row.method not in methods:
            raise broken_or_unknown(row.method, f"row '{row.key}' of {name}")
        for task, _ in table.task_metrics():
            scale = _scale_options(methods[row.method], table.trained_task(task), config)
            _check_clash(row, scale, config.scale)
            _options(methods[row.method], {**scale, **row.options})
    except UserError as error:
        return str(error)
    return ""


def _table_cells(
    name: str,
    table: TableSpec,
    tasks: Mapping[str, TaskConfig],
    config: ScaleConfig,
    methods: Methods,
    faults: Collection[tuple[str, str]],
) -> Iterator[Cell]:
    for row in table.rows:
        if (name, row.key) in faults:
            continue
        for task, metric in table.task_metrics():
            for seed in config.seeds:
                evaluation = plan(table.trained_task(task), row, seed, tasks, config, methods[row.method])
                yield Cell(name, row, task, metric, seed, evaluation)


def plan(
    task: str, row: RowSpec, seed: int, tasks: Mapping[str, TaskConfig], config: ScaleConfig, method: MethodInfo
) -> Evaluation:
    """The evaluation that a row needs on a task, with the run that serves it."""
    if task not in tasks:
        raise unknown("task", task, tasks)
    options = _options(method, {**_scale_options(method, task, config), **row.options})
    shares = config.share_directions and method.two_sided and options.trains_back
    trained = _shared_task(task, tasks) if shares else task
    _check_shared(task, trained, config, method.name)
    settings = _run_config(trained, row, seed, tasks, config, method)
    run = Run(config.scale, trained, settings.variant, seed, settings)
    return Evaluation(run, task, "forward" if tasks[trained].direction == tasks[task].direction else "backward")


def _shared_task(task: str, tasks: Mapping[str, TaskConfig]) -> str:
    """The first task on the same dataset, which stands for both directions."""
    return next(name for name, other in tasks.items() if dataset_of(name, other) == dataset_of(task, tasks[task]))


def _check_shared(task: str, trained: str, config: ScaleConfig, method: str) -> None:
    """Settings of a task that another one's training serves must be that one's, or they would be ignored."""
    for key, own, used in (
        ("epochs", config.epochs.get(task), config.epochs.get(trained)),
        ("task_options", *(config.task_options.get(name, {}).get(method) for name in (task, trained))),
    ):
        if own not in (None, used):
            raise UserError(
                f"'{key}' of {task} in scale {config.scale} cannot hold for {method}, whose training on {trained} "
                f"serves both directions: set the same for {trained}, or 'share_directions: false'."
            )


def dataset_of(name: str, task: TaskConfig) -> str:
    """The name of a task's image sets: its dataset, or its own name for a folder of the user's."""
    return task.dataset or name


def data_folder(config: ScaleConfig, dataset: str) -> Path:
    """Where a dataset stands in the standard layout."""
    return paths.fill(paths.DATA, scale=config.scale, dataset=dataset)


def variant_name(method: MethodInfo, overrides: Mapping[str, Any], scale: Mapping[str, Any] | None = None) -> str:
    """`enco`, `enco+k=2`, `enco+pairs=7-24`: the method and, sorted, what differs from its defaults at this scale."""
    defaults = _options(method, scale or {}).model_dump(mode="json")
    options = _options(method, {**(scale or {}), **overrides}).model_dump(mode="json")
    parts = [f"{key}={_spell(options[key])}" for key in sorted(options) if options[key] != defaults[key]]
    return "+".join([method.name, *parts])


def _spell(value: Any) -> str:
    """A value in a file name: [[3, 28], [7, 24]] becomes 3-28_7-24."""
    if isinstance(value, list):
        return ("_" if value and isinstance(value[0], list) else "-").join(_spell(part) for part in value)
    return str(value).replace("/", "-")


def _options(method: MethodInfo, overrides: Mapping[str, Any]) -> MethodOptions:
    return parse(method.Options, dict(overrides), f"options of method {method.name}")


def _run_config(
    task: str, row: RowSpec, seed: int, tasks: Mapping[str, TaskConfig], config: ScaleConfig, method: MethodInfo
) -> RunConfig:
    name = method.name
    n_const, n_decay = config.method_epochs.get(name) or config.epochs.get(task) or config.epochs["default"]
    scale = _scale_options(method, task, config)
    return RunConfig(
        method=row.method,
        task=task,
        variant=variant_name(method, row.options, scale),
        scale=config.scale,
        seed=seed,
        data=DataConfig(
            root=data_folder(config, dataset_of(task, tasks[task])),
            direction=tasks[task].direction,
            recursive=config.data.recursive,
            levels=config.data.levels,
        ),
        options=_options(method, {**scale, **row.options}).model_dump(mode="json"),
        train=TrainConfig.model_validate({**config.train.model_dump(), "n_const": n_const, "n_decay": n_decay}),
        compute=config.compute,
    )


def _scale_options(method: MethodInfo, task: str, config: ScaleConfig) -> dict[str, Any]:
    """What a scale sets of a method's options on a task."""
    known = method.Options.model_fields
    scale = {key: value for key, value in config.options.get("all", {}).items() if key in known}
    scale |= config.options.get(method.name, {})
    return scale | config.task_options.get(task, {}).get(method.name, {})


def _check_clash(row: RowSpec, scale: Mapping[str, Any], name: str) -> None:
    """A scale may not set what a row sets, or the variant's name would lie."""
    clash = sorted(scale.keys() & row.options.keys())
    if clash:
        raise UserError(
            f"Option '{clash[0]}' is set both by row {row.key} and by the options of scale {name}: keep one."
        )


def check_options(config: ScaleConfig, methods: Methods) -> None:
    """Every method that the scale names must exist, and every option that it sets; else UserError."""
    where = f"of scale {config.scale}"
    for name in config.method_epochs:
        if name not in methods:
            raise unknown("method", name, methods, f"'method_epochs' {where}")
    _check_keys(config.options, methods, f"'options' {where}", common="all")
    for task, options in config.task_options.items():
        _check_keys(options, methods, f"'task_options.{task}' {where}")
        for name in options:
            _options(methods[name], _scale_options(methods[name], task, config))


def _check_keys(options: Mapping[str, Mapping[str, Any]], methods: Methods, where: str, common: str = "") -> None:
    known = {name: set(method.Options.model_fields) for name, method in methods.items()}
    if common:
        known[common] = set().union(*known.values())
    for name, given in options.items():
        if name not in known:
            raise unknown("method", name, known, where)
        for key in given.keys() - known[name]:
            raise unknown("option", key, known[name], f"'{name}' in {where}")
