"""Run Snakemake from the Makefile: one at a time, and going on by itself after a call that was killed.

A Snakemake that dies by SIGKILL leaves its lock behind. While none is alive in this folder, a lock is stale and can go.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from workflow.jobs.forkserver import start_server

LOCKS = Path(".snakemake", "locks")
RATE = "300/3s"
"""Jobs that may start in a span. For each job that ended Snakemake looks at all others once in every further span. Its
own spans, of a second, took a fifth of a core after 150 jobs. Longer ones delay its end, which waits for the last."""


def main() -> None:
    """Become `snakemake` with this command's arguments, once no other one is at work in this folder."""
    use_writable_cache()
    _wait_for_others()
    snakemake = [sys.executable, "-m", "snakemake", "--max-jobs-per-timespan", RATE, *sys.argv[1:]]
    if any(LOCKS.glob("*")):
        print("The call before this one was killed: going on from what it left.", flush=True)
        subprocess.run([*snakemake, "--unlock"], check=True)
    start_server()
    os.execv(sys.executable, snakemake)


def use_writable_cache() -> None:
    """Keep the cache that Snakemake needs in this folder where the user's own cannot be written.

    Files of torch's hub in the user's own cache are still found there.
    """
    own = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111 (knows no home, too)
    try:
        (own / "snakemake").mkdir(parents=True, exist_ok=True)
        writable = os.access(own / "snakemake", os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        print(f"The cache {own} cannot be written to: .snakemake/cache is used instead.", flush=True)
        if "TORCH_HOME" not in os.environ and (own / "torch").is_dir():
            os.environ["TORCH_HOME"] = str(own / "torch")
        os.environ["XDG_CACHE_HOME"] = str(Path(".snakemake", "cache").absolute())


def _wait_for_others() -> None:
    announced = False
    while others := snakemakes_here():
        if not announced:
            print(f"Snakemake is still at work in this folder (process {others[0]}): waiting for it.", flush=True)
            announced = True
        time.sleep(1)


def snakemakes_here() -> list[int]:
    """Return the ids of living Snakemake processes, but this one, whose working directory is this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            named = any(Path(word).name == "snakemake" for word in process.cmdline()[:3])
            if named and process.pid != os.getpid() and Path(process.cwd()) == Path.cwd():
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


if __name__ == "__main__":
    main()
