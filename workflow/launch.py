"""Run Snakemake from the Makefile: one at a time, and going on by itself after a call that was killed.

A Snakemake that dies by SIGKILL leaves its own lock behind. Here the kernel's file lock, which ends with the process
that holds it, says whether a call is still alive; if none is, a Snakemake lock that lies there is stale and can go.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

STATE = Path(".snakemake")


def main() -> None:
    """Become `snakemake` with this command's arguments, once no other call is at work in this folder."""
    _take_turn(STATE / "launch.lock")
    snakemake = [sys.executable, "-m", "snakemake"]
    if any((STATE / "locks").glob("*")):
        print("The call before this one was killed: going on from what it left.", flush=True)
        subprocess.run([*snakemake, "--unlock", "--quiet"], check=True)
    os.execv(sys.executable, [*snakemake, *sys.argv[1:]])


def _take_turn(path: Path) -> None:
    """Hold a lock until this process ends, whatever program it becomes by then."""
    path.parent.mkdir(exist_ok=True)
    lock = os.open(path, os.O_RDWR | os.O_CREAT)
    os.set_inheritable(lock, True)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another call is still at work in this folder (its terminal may be gone): waiting for it.", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)


if __name__ == "__main__":
    main()
