"""Groups of cases measured apart: once one has failed on a GPU, those after it in another process."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack

import torch

from benchmarks.speed import rows
from benchmarks.speed.cases import Case, start_process
from benchmarks.speed.rows import Row

Measure = Callable[[list[Case]], Iterable[Row]]
SPOILT = {"cuda"}
"""Kinds of devices that a process may not be able to use after a failure: a recording, or an illegal access."""


def measure_apart(
    groups: Iterable[list[Case]], measure: Measure, device: torch.device, threads: int | None
) -> Iterator[Row]:
    """Measure each group and yield its lines: in this process until a case fails, then in one that each failure ends.

    Starting a process takes as long as many steps, so that no other starts without a failure.
    """
    pool: ProcessPoolExecutor | None = None
    with ExitStack() as started:
        for cases in groups:
            failed = False
            for row in _elsewhere(pool, measure, cases, device) if pool else measure(cases):
                failed |= bool(row["error"])
                yield row
            if failed and device.type in SPOILT:
                if pool:
                    pool.shutdown()
                context = multiprocessing.get_context("spawn")
                pool = ProcessPoolExecutor(1, context, initializer=start_process, initargs=(threads,))
                started.enter_context(pool)


def _elsewhere(pool: ProcessPoolExecutor, measure: Measure, cases: list[Case], device: torch.device) -> list[Row]:
    try:
        return pool.submit(_all, measure, cases).result()
    except BrokenProcessPool as error:
        return [rows.described(case, device) | {"half": 1, "together": 1, "error": str(error)} for case in cases]


def _all(measure: Measure, cases: list[Case]) -> list[Row]:
    return list(measure(cases))
