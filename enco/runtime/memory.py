"""The memory of a process: held on to in training, and how much is left."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Of glibc's malloc.h: how much free memory at the heap's end is given back, and how many blocks are mapped alone."""
CGROUPS = Path("/sys/fs/cgroup")


def keep_memory() -> None:
    """Have glibc reuse the memory of freed tensors, not give each back: the same numbers, in less time on a CPU.

    A fresh block's pages are cleared by the kernel one by one, for every feature map of every step. Does nothing where
    the C library is another one.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "gnu_get_libc_version"):
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)  # never


def free_memory() -> int:
    """Return the bytes that this process can still take, of the machine's and of any limit (cgroup, `ulimit -v`)."""
    import psutil

    process = psutil.Process()
    taken = process.memory_info()
    free = [psutil.virtual_memory().available, *(limit - taken.rss for limit in _cgroup_limits())]
    if sys.platform == "linux" and (limit := process.rlimit(psutil.RLIMIT_AS)[0]) != psutil.RLIM_INFINITY:
        free.append(limit - taken.vms)
    return max(min(free), 0)


def _cgroup_limits() -> Iterator[int]:
    """Yield the limits, in bytes, of this process's cgroup and of those above, of either version of cgroups."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            root, name = (CGROUPS, "memory.max") if not controllers else (CGROUPS / "memory", "memory.limit_in_bytes")
            place = root / path.lstrip("/")
            for folder in (place, *place.parents) if controllers in ("", "memory") else ():
                with suppress(OSError, ValueError):  # a folder that is not shown here, or "max"
                    yield int((folder / name).read_text(encoding="ascii"))
