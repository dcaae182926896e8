"""Trainings side by side on one device, each in a process of its own, and the iterations of all."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError

import torch

from benchmarks.speed.cases import Case, start_process

PATIENCE = 600.0
"""Seconds that trainings wait for the slowest one to be ready."""
_start: Barrier


@dataclass(frozen=True)
class Run:
    """The seconds of one training's steps, and the images of each domain in a step; or the error."""

    seconds: list[float]
    images: int = 1
    error: str = ""

    @property
    def rate(self) -> float:
        """Iterations per second."""
        return self.images * len(self.seconds) / sum(self.seconds)


def train_together(
    case: Case, count: int, device: torch.device, *, threads: int, warmup: int, seconds: float
) -> list[Run]:
    """Start equal trainings at one moment and let each do steps for `seconds`, on an equal share of the threads."""
    context = multiprocessing.get_context("spawn")
    work = (case, device, max(1, threads // count), warmup, seconds)
    with ProcessPoolExecutor(count, context, initializer=_keep, initargs=(context.Barrier(count),)) as pool:
        futures = [pool.submit(_train, *work) for _ in range(count)]
        try:
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            return [Run([], error=str(error))]


def _keep(barrier: Barrier) -> None:
    global _start
    _start = barrier


def _train(case: Case, device: torch.device, threads: int, warmup: int, seconds: float) -> Run:
    start_process(threads)
    watch = case.stopwatch()
    watch.build(case.size, case.batch, device)
    watch.begin("first_half", warmup)
    if watch.error:
        _start.abort()
        return Run([], error=watch.error)
    try:
        _start.wait(PATIENCE)
    except BrokenBarrierError:
        return Run([], error="another training beside it did not start")
    end = time.monotonic() + seconds
    while time.monotonic() < end and not watch.error:
        watch.run("first_half", 1)
    return Run(watch.seconds["first_half"], watch.sizes["images_per_iteration"], watch.error)
