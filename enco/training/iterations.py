"""Do the steps of a training in order: first weights, batches, epochs; all of the loop that decides the weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from enco.config.run import RunConfig
from enco.data.reading import Reading
from enco.data.unpaired import UnpairedImages
from enco.methods import create, parse_options
from enco.methods.base import Method
from enco.methods.parts.schedule import Schedule
from enco.options.base import MethodOptions
from enco.training.cuda_graphs import Terms
from enco.training.prefetcher import Prefetcher
from enco.training.train_step import TrainStep


@dataclass(frozen=True)
class Step:
    """One optimisation step that was done; iteration and epoch count from 1."""

    iteration: int
    epoch: int
    ends_epoch: bool
    losses: Terms


@dataclass(frozen=True)
class Steps:
    """A method, the training images, and the order in which the method sees the images."""

    train_step: TrainStep
    data: UnpairedImages

    @classmethod
    def prepare(cls, config: RunConfig, train_step: TrainStep) -> Steps:
        """Decode every image once so that none can stop the training later; UserError for an unusable one."""
        data = UnpairedImages(
            config.data.root,
            config.data.direction,
            train_step.method.options,
            config.train.n_const,
            config.seed,
            config.train.cache_mb,
            Reading.of_config(config.data),
        )
        return cls(train_step, data)

    @property
    def method(self) -> Method:
        """The method that is trained."""
        return self.train_step.method

    @property
    def per_epoch(self) -> int:
        """Iterations of an epoch."""
        return len(self.data) // self.method.images_per_step

    @property
    def total(self) -> int:
        """Iterations of the whole training."""
        return _total(len(self.data), self.method.options, self.method.schedule)

    def calibrate(self, workers: int) -> None:
        """Show an epoch to a method that has done no step yet."""
        self.method.calibrate(self.data.loader(0, self.per_epoch, self.method.images_per_step, workers))

    def prefetch(self, done: int, workers: int) -> Prefetcher:
        """Load the batches of the iterations after `done`."""
        batches = self.data.loader(done, self.total, self.method.images_per_step, workers, self.method.device)
        return Prefetcher(batches, self.method.device)

    def run(self, prefetcher: Prefetcher, done: int) -> Iterator[Step]:
        """Do the iterations after `done`, one at a time."""
        for iteration, batch in enumerate(prefetcher, start=done + 1):
            epoch, step = (iteration - 1) // self.per_epoch + 1, (iteration - 1) % self.per_epoch + 1
            if step == 1:
                self.train_step.begin_epoch(epoch)
            yield Step(iteration, epoch, step == self.per_epoch, self.train_step(batch))


def iterations_of(config: RunConfig) -> int:
    """Count the iterations of a whole training; UserError for an unknown method or option, or no image."""
    options = parse_options(config.method, config.options)
    items = max(len(Reading.of_config(config.data).files(config.data.root / name)) for name in ("trainA", "trainB"))
    return _total(items, options, _schedule(config, options))


def first_weights(config: RunConfig, device: torch.device) -> TrainStep:
    """Seed torch, and build the method; UserError for an unknown method or option."""
    torch.manual_seed(config.seed)
    return TrainStep(build(config, device), config.compute)


def build(config: RunConfig, device: torch.device) -> Method:
    """Build a method with its schedule on a device; UserError for an unknown method or option."""
    schedule = _schedule(config, parse_options(config.method, config.options))
    return create(config.method, schedule=schedule, device=device, **config.options)


def _schedule(config: RunConfig, options: MethodOptions) -> Schedule:
    return Schedule(config.train.n_const, config.train.n_decay, options.warmup_epochs)


def _total(items: int, options: MethodOptions, schedule: Schedule) -> int:
    return min(items // options.images_per_step * schedule.epochs, options.max_iterations or sys.maxsize)
