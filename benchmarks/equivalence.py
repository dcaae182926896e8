"""Measure by how much `fast` changes losses: `python -m benchmarks.equivalence --output FILE.csv`.

Every method is trained on the demo's horses and zebras, from the same weights, on the same images in the same order,
with the same draws. Changes are shares of a term's mean over all steps of a plain training:

- `step_change`: the mean difference of the losses of two steps from one state. Before each step of the plain training
  a fast one takes over the state and does the step as well. Differences do not add up: the arithmetic alone changes.
- `fast_change`: of the mean of a training that is fast from the first step.
- `nudged_change`: of the mean of a plain training whose first weights are changed by up to half a bfloat16 step. GAN
  training amplifies any difference, such as this one of rounding the weights once.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import torch

from enco.config.bounds import COUNT, SIDE, THREADS
from enco.config.commands import show_example
from enco.config.compute import ComputeConfig, Mode
from enco.data.batch import Batch
from enco.data.unpaired import UnpairedImages
from enco.datasets.demo import make_archive
from enco.io.files import atomic_path
from enco.methods import available, create, get
from enco.methods.parts.schedule import Schedule
from enco.runtime.memory import keep_memory
from enco.runtime.randomness import random_state, set_random_state
from enco.training.train_step import TrainStep

COLUMNS = ("method", "term", "steps", "plain", "step_change", "fast_change", "nudged_change")
CPU = torch.device("cpu")
HALF_STEP = 2.0**-9
"""Half a step of bfloat16, relative."""
Losses = dict[str, list[float]]
"""The values of each term by step."""


@dataclass(frozen=True)
class Training:
    """The first steps of one method on one folder of images."""

    method: str
    root: Path
    size: int
    width: int
    steps: int

    def begin(self, mode: Mode, nudge: bool = False) -> TrainStep:
        """Return a training before the first step, always from the same weights or, nudged, from similar ones."""
        own = get(self.method).info.Options.offline_options(self.size)
        sizes = {"ngf": self.width, "ndf": self.width, "crop_size": self.size, "load_size": self.size}
        torch.manual_seed(0)
        method = create(self.method, schedule=Schedule(n_const=1000, n_decay=1), **own | sizes)
        if nudge:
            move(weight for network in method.networks.values() for weight in network.parameters())
        # Also where bfloat16 is slow, as its numbers are what is compared.
        train_step = TrainStep(method, ComputeConfig(mode=mode, bfloat16=mode == "fast"))
        method.calibrate(self.batches(train_step, 4))
        train_step.begin_epoch(1)
        torch.manual_seed(0)
        return train_step

    def batches(self, train_step: TrainStep, count: int) -> Iterator[Batch]:
        """Yield the first batches, always the same ones."""
        images = UnpairedImages(self.root, "AtoB", train_step.method.options, n_const=1000, seed=0, cache_mb=64)
        yield from images.loader(0, count, train_step.method.images_per_step)

    def alone(self, mode: Mode, nudge: bool = False) -> Losses:
        """Return the losses of a training by itself."""
        train_step = self.begin(mode, nudge)
        losses: Losses = defaultdict(list)
        for batch in self.batches(train_step, self.steps):
            record(losses, train_step, batch)
        return losses

    def step_by_step(self) -> tuple[Losses, Losses]:
        """Return the losses of a plain training, and of a fast step from each state of the plain training."""
        leader, follower = self.begin("plain"), self.begin("fast")
        plain: Losses = defaultdict(list)
        fast: Losses = defaultdict(list)
        torch.manual_seed(0)
        for batch in self.batches(leader, self.steps):
            follower.method.load_state_dict(deepcopy(leader.method.state_dict()))
            before = random_state(CPU)
            record(fast, follower, batch)
            set_random_state(before, CPU)
            record(plain, leader, batch)
        return plain, fast


def move(weights: Iterator[torch.nn.Parameter]) -> None:
    """Change each number by up to half a bfloat16 step, the same way each time."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in weights:
            weight.mul_(1 + HALF_STEP * (2 * torch.rand(weight.shape, generator=generator) - 1))


def record(losses: Losses, train_step: TrainStep, batch: Batch) -> None:
    """Do one step and append the losses."""
    for term, value in train_step(batch).items():
        losses[term].append(float(value))


def compare(training: Training) -> Iterator[dict[str, object]]:
    """Yield a row for each loss term of one method."""
    plain, taken_over = training.step_by_step()
    fast, nudged = training.alone("fast"), training.alone("plain", nudge=True)
    for term, values in plain.items():
        mean = fmean(values)
        difference = fmean(abs(a - b) for a, b in zip(values, taken_over[term], strict=True))
        yield {
            "method": training.method,
            "term": term,
            "steps": training.steps,
            "plain": f"{mean:.5g}",
            "step_change": f"{difference / abs(mean):.4f}",
            "fast_change": f"{abs(fmean(fast[term]) - mean) / abs(mean):.4f}",
            "nudged_change": f"{abs(fmean(nudged[term]) - mean) / abs(mean):.4f}",
        }


def main() -> None:
    """Write a CSV file of all terms of all methods."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.equivalence", description=__doc__)
    show_example(parser, "--methods enco --steps 50 --output equivalence.csv")
    parser.add_argument("--methods", nargs="+", default=["all"], metavar="NAME")
    parser.add_argument("--steps", type=COUNT, default=200)
    parser.add_argument("--size", type=SIDE, default=64, help="side of the images in pixels (default 64)")
    parser.add_argument("--width", type=COUNT, default=8, help="ngf and ndf (default 8)")
    parser.add_argument("--threads", type=THREADS, default=1)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.csv")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep_memory()
    names = sorted(available()) if args.methods == ["all"] else args.methods
    with TemporaryDirectory() as folder, atomic_path(args.output) as path, path.open("w", newline="") as file:
        root = make_archive("horse2zebra", Path(folder), size=args.size)
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        for name in names:
            table.writerows(compare(Training(name, root, args.size, args.width, args.steps)))
            print(name, "done", flush=True)


if __name__ == "__main__":
    main()
