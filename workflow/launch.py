"""Run Snakemake from the Makefile: one at a time, and going on by itself after a call that was killed.

A Snakemake that dies by SIGKILL leaves its lock behind. Here the kernel's own file lock, which no process can leave behind,
says whether another call is still alive; if not, a stale Snakemake lock is safe to remove.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from enco.errors import UserError, run_cli

LOCK = Path(".snakemake", "launch.lock")


def main() -> int:
    """Run `snakemake` with this command's arguments; returns its exit status."""
    LOCK.parent.mkdir(exist_ok=True)
    try:
        with FileLock(LOCK, timeout=0):
            if any(Path(".snakemake", "locks").glob("*")):
                print("A call before this one was killed: going on from what it left.", flush=True)
                _snakemake("--unlock", "--quiet")
            return _snakemake(*sys.argv[1:])
    except Timeout as error:
        raise UserError("Another `make tables` is at work in this folder: wait for it, or end it first.") from error


def _snakemake(*arguments: str) -> int:
    """Run Snakemake and wait for it, through Ctrl-C as well, so that it can end its jobs."""
    process = subprocess.Popen([sys.executable, "-m", "snakemake", *arguments])
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


if __name__ == "__main__":
    run_cli(main)
