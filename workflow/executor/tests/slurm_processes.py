"""Find and kill the processes of a test cluster: each has the path of the cluster's slurm.conf in its environment.

Run as a program, this is the cluster's watch: it ends the cluster when its input closes, which is when the process that
started it has ended, however that ended.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
NODE = ("slurmd", "slurmstepd")
"""The programs on a node; every job descends from a slurmstepd."""


def end_cluster(conf: Path, node: str) -> None:
    """Kill every daemon and job of a cluster, remove its node's cgroups and its database; its logs stay."""
    kill_cluster(conf)
    shutil.rmtree(conf.parent / "database", ignore_errors=True)
    for cgroup in sorted(CGROUPS.glob(f"*/slurm_{node}/**/"), reverse=True):
        with suppress(OSError):
            cgroup.rmdir()


def kill_cluster(conf: Path, programs: Collection[str] = (), seconds: float = 120) -> None:
    """Kill a cluster's processes (those of `programs`, where given) and what descends from them, until none is left.

    Raises RuntimeError where something outlives that. A zombie does not count: it has lost its environment.
    """
    deadline = time.monotonic() + seconds
    while found := processes_of(conf, programs):
        if time.monotonic() > deadline:
            raise RuntimeError(f"still alive {seconds} s after being killed: {found}")
        for process in [*found, *(child for parent in found for child in _descendants(parent))]:
            with suppress(psutil.Error):
                process.kill()
        time.sleep(0.05)


def processes_of(conf: Path, programs: Collection[str] = ()) -> list[psutil.Process]:
    """Return a cluster's processes but this one, or those of them that run `programs`."""
    return [process for process in psutil.process_iter() if _belongs(process, conf, programs)]


def _belongs(process: psutil.Process, conf: Path, programs: Collection[str]) -> bool:
    with suppress(psutil.Error, OSError):
        # psutil's environ() stops where slurmstepd has written its title over the first variables
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        named = not programs or process.name() in programs
        return named and process.pid != os.getpid() and f"SLURM_CONF={conf}\0".encode() in environment
    return False


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return list(process.children(recursive=True))
    return []


if __name__ == "__main__":
    sys.stdin.read()
    end_cluster(conf=Path(sys.argv[1]), node=sys.argv[2])
