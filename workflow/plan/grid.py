"""Tables to cells to runs: which trainings and evaluations the tables need, each once. Pure: no file is touched.

A run is (scale, task, variant, seed). The variant is named by what differs from the method's defaults, so two cells
that need the same training name the same run. A two-sided method's run serves both directions of its dataset.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enco.config.base import parse
from enco.config.run import DataConfig, RunConfig, TrainConfig
from enco.datasets.catalogue import TaskConfig
from enco.errors import UserError, unknown
from enco.methods import broken_or_unknown, is_broken
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
        """Return a path of this run, from a template of workflow.paths."""
        return paths.fill(template, scale=self.scale, task=self.task, variant=self.variant, seed=self.seed, **more)

    @property
    def folder(self) -> Path:
        """The folder of all that the run makes."""
        return self.at(paths.RUN)


@dataclass(frozen=True)
class Evaluation:
    """One run scored on one task: the run's own, or the opposite one of a two-sided method."""

    run: Run
    task: str
    backward: bool

    def images(self, selection: str) -> Path:
        """Return the folder of translated test images."""
        return self.run.at(paths.TRANSLATED, test_task=self.task, selection=selection)

    def scores(self, selection: str) -> Path:
        """Return the file of scores."""
        return self.run.at(paths.SCORES, test_task=self.task, selection=selection)

    def features(self, selection: str) -> Path:
        """Return the file of the translated images' features."""
        return self.run.at(paths.FEATURES, test_task=self.task, selection=selection)


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
        """Every evaluation once, in the order of the cells."""
        return list(dict.fromkeys(cell.evaluation for cell in self.cells))

    @property
    def runs(self) -> list[Run]:
        """Every run once, in the order of the cells."""
        return list(dict.fromkeys(evaluation.run for evaluation in self.evaluations))

    @property
    def timed_runs(self) -> list[Run]:
        """The runs whose seconds some table prints."""
        return list(dict.fromkeys(cell.evaluation.run for cell in self.cells if cell.metric == "sec/iter"))

    def table(self, name: str) -> Grid:
        """Return what one table needs."""
        return self.only([name])

    def only(self, tables: Collection[str]) -> Grid:
        """Return what these tables need."""
        faults = {place: fault for place, fault in self.faults.items() if place[0] in tables}
        return Grid(tuple(cell for cell in self.cells if cell.table in tables), faults)

    def faults_of(self, table: str) -> dict[str, str]:
        """Return the faults of a table's rows that cannot be planned, by the rows' keys."""
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
    """Return the fault that a row has whatever its tasks are; empty if there is none."""
    try:
        if row.method not in methods:
            raise broken_or_unknown(row.method, f"row '{row.key}' of {name}")
        for task, _ in table.task_metrics():
            scale = _scale_options(methods[row.method], table.trained_task(task, config.absent), config)
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
            if (trained := table.trained_task(task, config.absent)) in config.absent:
                continue
            for seed in config.seeds:
                evaluation = evaluate(trained, row, seed, tasks, config, methods[row.method])
                yield Cell(name, row, task, metric, seed, evaluation)


def evaluate(
    task: str, row: RowSpec, seed: int, tasks: Mapping[str, TaskConfig], config: ScaleConfig, method: MethodInfo
) -> Evaluation:
    """Return the evaluation that a row needs on a task, with the run that serves the evaluation."""
    if task not in tasks:
        raise unknown("task", task, tasks)
    options = _options(method, {**_scale_options(method, task, config), **row.options})
    shares = config.share_directions and method.two_sided and options.trains_back
    trained = _shared_task(task, tasks) if shares else task
    _check_shared(task, trained, config, method.name)
    settings = _run_config(trained, row, seed, tasks, config, method)
    run = Run(config.scale, trained, settings.variant, seed, settings)
    return Evaluation(run, task, is_backward(tasks[trained], tasks[task]))


def is_backward(trained: TaskConfig, tested: TaskConfig) -> bool:
    """Return whether a run of one task translates the test images of another task of the dataset in reverse."""
    return trained.direction != tested.direction


def _shared_task(task: str, tasks: Mapping[str, TaskConfig]) -> str:
    """Return the first task on the same dataset, which stands for both directions."""
    return next(name for name, other in tasks.items() if dataset_of(name, other) == dataset_of(task, tasks[task]))


def _check_shared(task: str, trained: str, config: ScaleConfig, method: str) -> None:
    """Raise UserError for settings of a task that are not those of the training which serves the task."""
    for key, own, used in (
        ("epochs", config.epochs.get(task), config.epochs.get(trained)),
        ("task_options", *(config.task_options.get(name, {}).get(method) for name in (task, trained))),
        ("init", *(config.init_of(method, name) for name in (task, trained))),
    ):
        if own not in (None, used):
            raise UserError(
                f"'{key}' of {task} in scale {config.scale} cannot hold for {method}, whose training on {trained} "
                f"serves both directions: set the same for {trained}, or 'share_directions: false'."
            )


def dataset_of(name: str, task: TaskConfig) -> str:
    """Return the name of a task's image sets: the dataset, or the task's own name for a folder of the user's."""
    return task.dataset or name


def variant_name(method: MethodInfo, overrides: Mapping[str, Any], scale: Mapping[str, Any] | None = None) -> str:
    """Name a variant by the method and, sorted, the options that differ from the scale's: `enco`, `enco+k=2`."""
    defaults = _options(method, scale or {}).model_dump(mode="json")
    options = _options(method, {**(scale or {}), **overrides}).model_dump(mode="json")
    parts = [f"{key}={_spell(options[key])}" for key in sorted(options) if options[key] != defaults[key]]
    return "+".join([method.name, *parts])


def _spell(value: Any) -> str:
    """Return a value as it stands in a file name: [[3, 28], [7, 24]] becomes 3-28_7-24."""
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
    scale, init = _scale_options(method, task, config), config.init_of(name, task)
    copy_steps = config.copy_steps_of(name, task)
    if init and copy_steps:
        raise UserError(
            f"'init' and 'copy_steps' of scale {config.scale} both name {name}, also for {task}: "
            f"set copy_steps: {{{name}: 0}} or leave init out."
        )
    return RunConfig(
        method=row.method,
        task=task,
        variant=variant_name(method, row.options, scale) + (f"+init={init.sha256[:8]}" if init else ""),
        scale=config.scale,
        seed=seed,
        data=DataConfig(
            root=paths.fill(paths.DATA, scale=config.scale, dataset=dataset_of(task, tasks[task])),
            direction=tasks[task].direction,
            recursive=config.data.recursive,
            levels=config.data.levels,
        ),
        options=_options(method, {**scale, **row.options}).model_dump(mode="json"),
        init=init,
        copy_steps=copy_steps,
        train=TrainConfig.model_validate({**config.train.model_dump(), "n_const": n_const, "n_decay": n_decay}),
        compute=config.compute,
    )


def _scale_options(method: MethodInfo, task: str, config: ScaleConfig) -> dict[str, Any]:
    """Return the options of a method that a scale sets on a task."""
    known = method.Options.model_fields
    scale = {key: value for key, value in config.options.get("all", {}).items() if key in known}
    scale |= config.options.get(method.name, {})
    return scale | config.task_options.get(task, {}).get(method.name, {})


def _check_clash(row: RowSpec, scale: Mapping[str, Any], name: str) -> None:
    """Raise UserError for an option that row and scale both set, as the variant's name would lie."""
    clash = sorted(scale.keys() & row.options.keys())
    if clash:
        raise UserError(
            f"Option '{clash[0]}' is set both by row {row.key} and by the options of scale {name}: keep one."
        )


def check_options(config: ScaleConfig, methods: Methods) -> None:
    """Raise UserError for a method or an option that a scale names and that does not exist.

    Options of a method whose file is broken are not looked at: that is a fault of the method's rows.
    """
    where = f"of scale {config.scale}"
    for key in ("method_epochs", "init", "copy_steps"):
        for name in getattr(config, key):
            if (key, name) != ("copy_steps", "default"):
                _is_usable(name, methods, f"'{key}' {where}")
    _check_keys(config.options, methods, f"'options' {where}", common="all")
    for task, options in config.task_options.items():
        _check_keys(options, methods, f"'task_options.{task}' {where}")
        for name in options:
            if name in methods:
                _options(methods[name], _scale_options(methods[name], task, config))


def _check_keys(options: Mapping[str, Mapping[str, Any]], methods: Methods, where: str, common: str = "") -> None:
    for name, values in options.items():
        if name == common:
            candidates: Iterable[MethodInfo] = methods.values()
        else:
            candidates = [methods[name]] if _is_usable(name, methods, where) else []
        left, known = set(values), set[str]()
        for method in candidates:  # a method of another package is imported only if ours lack the option
            known |= method.Options.model_fields.keys()
            left -= known
            if not left:
                break
        if left and known:
            raise unknown("option", min(left), known, f"'{name}' in {where}")


def _is_usable(name: str, methods: Methods, where: str) -> bool:
    """Return whether a method's file is not broken; UserError for a method that does not exist."""
    if name not in methods and not is_broken(name):
        raise unknown("method", name, methods, where)
    return name in methods
