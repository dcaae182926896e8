"""The stopwatch of `eval.timing` and of benchmarks/: steps of a method in training, timed in turns with others."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from pydantic import Field

from enco.config.base import Settings
from enco.config.compute import ComputeConfig
from enco.data.batch import Batch
from enco.errors import UserError
from enco.methods import create, get
from enco.methods.parts.schedule import Schedule
from enco.training.train_step import TrainStep
from eval.records import HalfTiming

HALVES = {"first_half": 1, "second_half": 2}
"""The halves of training, by an epoch of each under `SCHEDULE`: at the full rate, and in the decay."""
SCHEDULE = Schedule(n_const=1, n_decay=1)
TURN = 4
"""Steps of one variant in a row: noise on a shared machine is to hit all variants alike."""
SIZES = {"crop_size", "load_size", "test_size", "batch_size"}
"""Options that a timing file tells apart from the others."""
PREPARING = 4
"""Batches that a method is calibrated with."""


class Variant(Settings):
    """A method with options, to be timed."""

    method: str
    options: dict[str, Any] = Field(default_factory=dict)


@dataclass
class Stopwatch:
    """A method in training and the seconds of its steps, by half; or the error that ended the method."""

    variant: Variant
    compute: ComputeConfig
    train_step: TrainStep | None = None
    batch: Batch | None = None
    seconds: dict[str, list[float]] = field(default_factory=lambda: {half: [] for half in HALVES})
    sizes: dict[str, int] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    def build(self, size: int, batch_size: int | None, device: torch.device) -> None:
        """Build the method for such images, where the options say nothing else; UserError for an unknown method."""
        common = {"crop_size": size, "load_size": size} | ({"batch_size": batch_size} if batch_size else {})
        with self._survive(UserError):
            method = create(self.variant.method, schedule=SCHEDULE, device=device, **common | self.variant.options)
            side, images = method.options.crop_size, method.images_per_step
            method.calibrate(random_batch(side, images, seed) for seed in range(1, 1 + PREPARING))
            self.batch = random_batch(side, images)
            self.sizes = {
                "size": side,
                "batch_size": method.options.batch_size,
                "images_per_iteration": method.images_per_iteration,
            }
            self.changed = method.options.model_dump(mode="json", exclude=SIZES, exclude_defaults=True)
            self.train_step = TrainStep(method, self.compute)

    def begin(self, half: str, warmup: int) -> None:
        """Enter a half of training and do some untimed steps, unless an earlier one failed."""
        with self._survive():
            if self.train_step and self.batch:
                self.train_step.begin_epoch(HALVES[half])
                for _ in range(warmup + self.train_step.warmup_steps):
                    time_step(self.train_step, self.batch)

    def run(self, half: str, count: int) -> None:
        """Time some steps, unless an earlier one failed."""
        with self._survive():
            if self.train_step and self.batch:
                self.seconds[half] += [time_step(self.train_step, self.batch) for _ in range(count)]

    @contextmanager
    def _survive(self, *fatal: type[Exception]) -> Iterator[None]:
        """Keep any failure but fatal ones as this method's result, and free its memory for the others."""
        try:
            yield
        except fatal:
            raise
        except Exception as error:
            self.error = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            self.train_step = None
        # Only now, as the error held the failed step's tensors.
        if self.error and torch.cuda.is_available():
            empty_cache()


def empty_cache() -> None:
    """Give back the GPU memory that nothing uses, unless a failure has left torch or CUDA in a state that refuses it.

    After a recording that failed torch's allocator takes one to be under way (pytorch/pytorch#180395).
    """
    with suppress(RuntimeError):
        torch.cuda.empty_cache()


def time_step(train_step: TrainStep, batch: Batch) -> float:
    """Time one step in seconds, with the copy to the device and without loading data, as the originals count."""
    device = train_step.method.device
    synchronise(device)
    begin = time.perf_counter()
    train_step(Batch(source=batch["source"].to(device), target=batch["target"].to(device)))
    synchronise(device)
    return time.perf_counter() - begin


def interleave(
    watches: Collection[Stopwatch],
    half: str,
    iterations: int,
    turn: int = TURN,
    done: Callable[[int], object] = lambda count: None,
) -> None:
    """Time so many steps of each variant in one half, `turn` of one before the next; `done` counts the steps."""
    for start in range(0, iterations, turn):
        count = min(turn, iterations - start)
        for watch in watches:
            watch.run(half, count)
            done(count)


def random_batch(size: int, images: int, seed: int = 0) -> Batch:
    """Draw uniform noise in [-1, 1] in place of both domains."""
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.rand(2, images, 3, size, size, generator=generator) * 2 - 1
    return Batch(source=source, target=target)


def statistics_of(seconds: Sequence[float]) -> HalfTiming:
    """Return median, mean and interquartile range of at least two values."""
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    iqr = max(0.0, high - low)  # rounding can put nearly equal quartiles in the wrong order
    return HalfTiming(median=median, mean=statistics.mean(seconds), iqr=iqr, n=len(seconds))


def offline_options(name: str, options: Mapping[str, Any], size: int) -> dict[str, Any]:
    """Return a method's options that need no download, for the images that these options are for."""
    return get(name).info.Options.offline_options(options.get("crop_size", size))


def synchronise(device: torch.device) -> None:
    """Wait until the device has done its work."""
    getattr(torch, device.type).synchronize()
