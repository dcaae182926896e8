"""Count what follows from numbers of images: a training's iterations, an evaluation's test images. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping

from enco.config.run import RunConfig
from enco.datasets.catalogue import TaskConfig
from enco.methods import parse_options
from workflow.plan.grid import Evaluation

Images = Mapping[str, Mapping[str, int]]
"""Numbers of images, by data set and then by trainA, trainB, testA, testB; data sets that are not known are absent."""


def iterations(config: RunConfig, images: Images) -> int | None:
    """Return the optimisation steps of a training; None where the size of the training's image sets is not known."""
    counts = images.get(config.data.root.name)
    if counts is None:
        return None
    schedule, options = config.train, parse_options(config.method, config.options)
    per_epoch = max(counts["trainA"], counts["trainB"]) // options.images_per_step
    total = (schedule.n_const + schedule.n_decay) * per_epoch
    return min(total, options.max_iterations or total)


def tested(evaluation: Evaluation, tasks: Mapping[str, TaskConfig], images: Images) -> tuple[int, int]:
    """Return the test images of an evaluation's source and target domain; 0 where they are not known."""
    counts = images.get(evaluation.run.config.data.root.name, {})
    a, b = counts.get("testA", 0), counts.get("testB", 0)
    return (a, b) if tasks[evaluation.task].direction == "AtoB" else (b, a)
