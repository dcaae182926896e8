"""What tests wait for: conditions, and processes that are found by a mark in their environment."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

MARK = "TEST_OF_PLUGIN"
"""A variable that every process of a test inherits, as its name is none of SLURM's or submitit's; its value tells the
tests apart."""


def until(condition: Callable[[], object], what: str, seconds: float = 240) -> None:
    """Wait until a condition holds; AssertionError where it does not in time."""
    last = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def marked(mark: str, module: str = "") -> list[psutil.Process]:
    """Return the living processes that carry this mark (and run this Python module), apart from this one."""
    others = (process for process in psutil.process_iter() if process.pid != os.getpid())
    return [process for process in others if _has(process, mark, module)]


def kill_marked(mark: str) -> None:
    """Kill every process that carries this mark."""
    while found := marked(mark):
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, timeout=60)


def alive(pid: int) -> bool:
    """Whether a process runs: neither gone nor a zombie."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def _has(process: psutil.Process, mark: str, module: str) -> bool:
    with suppress(psutil.Error, OSError):
        here = process.environ().get(MARK) == mark and (not module or module in process.cmdline())
        return here and process.status() != psutil.STATUS_ZOMBIE
    return False
