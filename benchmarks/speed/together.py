"""Trainings side by side on one device, each in a process of its own, and the iterations of all."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError
from typing import Any

import torch

from benchmarks.speed.cases import Case, start_process
from eval.timing.stopwatch import Stopwatch

PATIENCE = 600.0
"""Seconds that trainings wait for the slowest one to be ready."""
_starts: Mapping[int, Barrier]
_watch: Stopwatch


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


@dataclass(frozen=True)
class Measurement:
    """What is measured: a case on a device, after untimed steps, for some seconds, on an equal share of the threads."""

    case: Case
    device: torch.device
    threads: int
    warmup: int
    seconds: float


def train_together(measurement: Measurement, counts: Sequence[int]) -> Iterator[tuple[int, list[Run]]]:
    """Start equal trainings at one moment, as many as each count says, and yield the count with its runs.

    Starting takes longer than measuring. So as many processes as the largest count are started once, and of these some
    wait where fewer are counted. After a failure, say for want of memory, the counts that are left have others.
    """
    left = list(counts)
    while left:
        for count, runs in _in_the_same_processes(measurement, tuple(left)):
            left.remove(count)
            yield count, runs


def _in_the_same_processes(measurement: Measurement, counts: Sequence[int]) -> Iterator[tuple[int, list[Run]]]:
    """Yield counts with their runs up to the first failure; the first is the largest where not all become ready."""
    context, most = multiprocessing.get_context("spawn"), max(counts)
    starts = {count: context.Barrier(count) for count in counts}
    with ProcessPoolExecutor(most, context, initializer=_keep, initargs=(starts,)) as pool:
        runs = _run_in(pool, most, _get_ready, measurement, most)
        if any(run.error for run in runs):
            yield most, runs
            return
        for count in counts:
            runs = _run_in(pool, count, _train, measurement, count)
            yield count, runs
            if any(run.error for run in runs):
                return


def _run_in(pool: ProcessPoolExecutor, count: int, work: Callable[[Measurement, int], Run], *how: Any) -> list[Run]:
    """Do some work in so many processes at once; each of them waits for the others."""
    try:
        return [future.result() for future in [pool.submit(work, *how) for _ in range(count)]]
    except BrokenProcessPool as error:
        return [Run([], error=str(error))]


def _keep(starts: Mapping[int, Barrier]) -> None:
    global _starts
    _starts = starts


def _get_ready(about: Measurement, count: int) -> Run:
    """Build the method and do the untimed steps in each process."""
    global _watch
    start_process(max(1, about.threads // count))
    _watch = about.case.stopwatch()
    _watch.build(about.case.size, about.case.batch, about.device)
    _watch.begin("first_half", about.warmup)
    if _watch.error:
        _starts[count].abort()
        return Run([], error=_watch.error)
    return _wait(count)


def _train(about: Measurement, count: int) -> Run:
    """Do steps for some seconds, from one moment on in each of so many processes."""
    torch.set_num_threads(max(1, about.threads // count))
    if (waited := _wait(count)).error:
        return waited
    seconds, end = _watch.seconds["first_half"], time.monotonic() + about.seconds
    seconds.clear()
    while time.monotonic() < end and not _watch.error:
        _watch.run("first_half", 1)
    return Run(list(seconds), _watch.sizes["images_per_iteration"], _watch.error)


def _wait(count: int) -> Run:
    """Wait until so many processes wait; the run has an error where one of them does not come."""
    try:
        _starts[count].wait(PATIENCE)
    except BrokenBarrierError:
        return Run([], error="another training beside it did not start")
    return Run([])
