"""Estimate what tables cost before they are made: trainings, iterations, GPU-hours, disk. No file is touched.

The unit of sec/iter is one translated image of each domain (docs/decisions/0004). The unit of a training is a step,
which translates `images_per_iteration` images: two for DistanceGAN and SelfDistance, whose batches are pairs, one for
the others at their defaults. So a training takes iterations x images_per_iteration x sec/iter. DRIT's sec/iter is of a
whole step, with the updates of DRIT's content discriminator alone. Copying beforehand
(`copy_steps`), loading, checkpoints and evaluation are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tabulate import tabulate

from enco.config.run import RunConfig
from enco.datasets.catalogue import TaskConfig
from eval.records import Selection
from workflow.cost.disk import FEATURE_BYTES, Bytes, evaluation_bytes, training_bytes
from workflow.cost.images import Images, iterations, tested
from workflow.cost.seconds import SecondsPerIteration
from workflow.plan.grid import Grid, Run

HEADERS = ("table", "trainings", "iterations", "GPU-hours", "longest training", "disk, GB")
GB = 1e9


@dataclass(frozen=True)
class Training:
    """One run with its cost; None is not known."""

    run: Run
    iterations: int | None
    hours: float | None


@dataclass(frozen=True)
class Cost:
    """The cost of a table of which nothing is there yet, or of several tables that share runs."""

    name: str
    trainings: tuple[Training, ...]
    disk: Bytes

    @property
    def iterations(self) -> int:
        """The steps of all trainings whose image sets are known."""
        return sum(training.iterations or 0 for training in self.trainings)

    @property
    def hours(self) -> float | None:
        """GPU-hours of those trainings whose hours are known; None if there are none."""
        return sum(training.hours or 0 for training in self._timed) if self._timed else None

    @property
    def longest(self) -> Training | None:
        """The training with most GPU-hours."""
        return max(self._timed, key=lambda training: training.hours or 0, default=None)

    @cached_property
    def _timed(self) -> list[Training]:
        return [training for training in self.trainings if training.hours is not None]


def estimate(
    name: str,
    grid: Grid,
    tasks: Mapping[str, TaskConfig],
    images: Images,
    speeds: SecondsPerIteration,
    selections: Collection[Selection],
) -> Cost:
    """Return the cost of a grid, each of its runs and evaluations once, without data sets."""
    trainings = tuple(train_cost(run, images, speeds) for run in grid.runs)
    disk = Counter[str]()
    for training in trainings:
        disk += training_bytes(training.run.config, training.iterations or 0)
    for evaluation in grid.evaluations:
        sources, _ = tested(evaluation, tasks, images)
        for selection in selections:
            disk += evaluation_bytes(evaluation.run.config, sources, selection)
    targets = {evaluation.task: sum(tested(evaluation, tasks, images)) for evaluation in grid.evaluations}
    disk["features"] += FEATURE_BYTES * sum(targets.values())
    return Cost(name, trainings, disk)


def train_cost(run: Run, images: Images, speeds: SecondsPerIteration) -> Training:
    """Return the cost of one training."""
    steps = iterations(run.config, images)
    return Training(run, steps, speeds.hours(run.config, steps))


def render_costs(costs: Sequence[Cost], speeds: SecondsPerIteration) -> str:
    """Return costs as text, the last of them being the cost of all tables."""
    rows = [(c.name, len(c.trainings), c.iterations, c.hours, _longest(c, speeds), c.disk.total() / GB) for c in costs]
    table = tabulate(rows, headers=HEADERS, tablefmt="simple", intfmt=",", floatfmt=",.1f", missingval="-")
    return "\n".join([table, "", *notes(costs[-1], speeds)])


def _longest(cost: Cost, speeds: SecondsPerIteration) -> str | None:
    """Return the longest training and its hours of the clock: GPU-hours, times the trainings that share the GPU."""
    if cost.longest is None or cost.longest.hours is None:
        return None
    return f"{cost.longest.hours * speeds.together:,.1f} h: {cost.longest.run.task} {cost.longest.run.variant}"


def notes(cost: Cost, speeds: SecondsPerIteration) -> list[str]:
    """Return where the numbers come from, and what they leave out."""
    unknown = [f"{t.run.task} {t.run.variant}" for t in cost.trainings if t.iterations is None]
    parts = ", ".join(f"{name} {size / GB:.1f}" for name, size in cost.disk.most_common() if size > GB / 20)
    return [
        *_speed_notes([training.run.config for training in cost.trainings], speeds),
        *_gain_notes(cost, speeds),
        *_list("Without image sets, and not counted", unknown),
        f"Disk at most{f', in GB: {parts}' if parts else ''}. Pictures count as uncompressed.",
    ]


def _speed_notes(configs: Iterable[RunConfig], speeds: SecondsPerIteration) -> Iterator[str]:
    """Yield where the seconds come from, and which variants have none of their own."""
    if not speeds.seconds:
        yield f"No GPU-hours: {speeds.source}."
        return
    charged = {config.variant: speeds.charged_to(config) for config in configs}
    borrowed = [f"{name} is charged {other}'s" for name, other in charged.items() if other not in (None, name)]
    untimed = [name for name, other in charged.items() if other is None]
    yield f"GPU-hours at {speeds.source}, of training alone."
    if speeds.together > 1:
        yield f"{speeds.together} trainings share a GPU, and together do {speeds.gain:g} times the iterations of one."
    yield from _list("Without seconds of its own", borrowed)
    yield from _list("Without any seconds, and not in the hours", untimed)


def _gain_notes(cost: Cost, speeds: SecondsPerIteration) -> Iterator[str]:
    """Yield what the measured gains of trainings together come to."""
    if speeds.gains is None or cost.hours is None:
        return
    if not speeds.gains:
        yield "Several trainings on this GPU were not measured: `python -m benchmarks.speed --together 1 2 4` does."
    found = [(f"{count} trainings together", gain) for count, gain in speeds.gains.items()]
    found += [(f"{count} trainings together by MPS", gain) for count, gain in speeds.gains_with_mps.items()]
    for what, gain in found:
        hours = cost.hours * speeds.gain / gain
        yield f"Measured: {what} do {gain:.3g} times the iterations of one: {hours:,.1f} GPU-hours."


def _list(title: str, items: Iterable[str]) -> list[str]:
    text = ", ".join(items)
    return [f"{title}: {text}."] if text else []
