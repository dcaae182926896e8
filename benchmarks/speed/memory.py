"""The peak memory of a training step: on a GPU beside others, on a CPU in a process of its own."""

from __future__ import annotations

import gc
import multiprocessing
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.speed.cases import Case, start_process
from eval.timing.stopwatch import empty_cache

MIB = 2**20


@dataclass(frozen=True)
class Growth:
    """Growth of GPU memory in MiB by some work: the part that stays, the peak, and the peak with torch's cache."""

    stayed: float = 0
    most: float = 0
    reserved: float = 0


def growth(device: torch.device, work: Callable[[], object]) -> Growth:
    """Do some work and return the growth of GPU memory, 0 on other devices."""
    if device.type != "cuda":
        work()
        return Growth()
    gc.collect()  # methods that were measured before
    empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before, cached = torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)
    work()
    after, most = torch.cuda.memory_allocated(device), torch.cuda.max_memory_allocated(device)
    reserved = torch.cuda.max_memory_reserved(device) - cached
    return Growth((after - before) / MIB, (most - before) / MIB, reserved / MIB)


def peak_in_own_process(case: Case, threads: int) -> float | None:
    """Return by how many MiB one step of a training on the CPU lets a process grow; None where not known."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(_peak_here, case, threads).result()
        except BrokenProcessPool:  # killed for want of memory
            return None


def _peak_here(case: Case, threads: int) -> float | None:
    start_process(threads)
    before = _status("VmRSS")
    watch = case.stopwatch()
    watch.build(case.size, case.batch, torch.device("cpu"))
    watch.begin("first_half", 1)
    peak = _status("VmHWM")
    return None if watch.error or before is None or peak is None else peak - before


def _status(name: str) -> float | None:
    """Read a figure of this process's memory in MiB, where Linux gives one."""
    status = Path("/proc/self/status")
    found = re.search(rf"^{name}:\s*(\d+) kB$", status.read_text(), re.MULTILINE) if status.exists() else None
    return int(found[1]) / 1024 if found else None
