"""Measure the cost of submitting and watching jobs: CPU seconds of the workflow's head, and queries to SLURM.

    python -m benchmarks.executor --cluster local --jobs 200
    python -m benchmarks.executor --cluster slurm --jobs 64        # on a real SLURM on loopback, started by this script

Each job sleeps for a second. The head is Snakemake's own process and, on SLURM, the commands that Snakemake calls; jobs
are not counted. A line is added to benchmarks/results/executor.csv.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "executor.csv"
sys.path.insert(0, str(ROOT / "workflow" / "executor" / "tests"))

from enco.config.bounds import COUNT  # noqa: E402
from slurm_cluster import SlurmCluster  # noqa: E402

RULES = """
rule all:
    input: expand("{{index}}.txt", index=range({jobs}))
rule one:
    output: "{{index}}.txt"
    resources: runtime=60, mem_mb=400
    shell: "sleep 1; touch {{output}}"
"""
COUNTING_SACCT = '#!/bin/sh\necho >> {calls}\nexec {sacct} "$@"\n'
POLL_SECONDS = 5
SCHEDULING = ("--scheduler", "greedy", "--max-jobs-per-timespan", "100/1m")  # as in profiles/
COLUMNS = ("cluster", "jobs", "at_once", "head_cpu_s", "head_cpu_s_per_job", "wall_s", "polls_at_most", "queries")


def measure(cluster: str, jobs: int, at_once: int, environment: dict[str, str], folder: Path) -> dict[str, object]:
    """Run the workflow in a folder and return a line of the results."""
    (folder / "Snakefile").write_text(RULES.format(jobs=jobs))
    calls = count_sacct(environment, folder)
    options = ["--executor", "submitit", "--submitit-cluster", cluster, "--jobs", str(at_once)]
    polling = [*SCHEDULING, "--seconds-between-status-checks", str(POLL_SECONDS)]
    begin = time.monotonic()
    command = [sys.executable, "-m", "snakemake", *options, *polling]
    cpu = head_cpu(psutil.Popen(command, cwd=folder, env=environment), with_children=cluster == "slurm")
    wall = time.monotonic() - begin
    made = len(list(folder.glob("*.txt")))
    if made != jobs:
        raise SystemExit(f"only {made} of {jobs} jobs have ended well")
    numbers = (cpu, cpu / jobs, wall)
    counts = (int(wall / POLL_SECONDS) + 1, calls.read_text().count("\n"))
    return dict(zip(COLUMNS, (cluster, jobs, at_once, *(round(number, 3) for number in numbers), *counts), strict=True))


def count_sacct(environment: dict[str, str], folder: Path) -> Path:
    """Put a `sacct` on PATH that notes each call and becomes the real one; return the file of notes."""
    calls, real = folder / "calls", shutil.which("sacct", path=environment["PATH"])
    calls.touch()
    if real:
        stand_in = folder / "bin" / "sacct"
        stand_in.parent.mkdir()
        stand_in.write_text(COUNTING_SACCT.format(calls=calls, sacct=real))
        stand_in.chmod(0o755)
        environment["PATH"] = f"{stand_in.parent}{os.pathsep}{environment['PATH']}"
    return calls


def head_cpu(head: psutil.Popen, with_children: bool) -> float:
    """Return the CPU seconds of a process up to the end, with those of commands that the process has waited for."""
    seconds = 0.0
    while head.poll() is None:
        times = head.cpu_times()
        own, children = times.user + times.system, times.children_user + times.children_system
        seconds = own + children * with_children
        time.sleep(0.2)
    return seconds


def main() -> None:
    """Measure, print, and add the line to the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cluster", choices=["local", "slurm"], required=True)
    parser.add_argument("--jobs", type=COUNT, required=True)
    parser.add_argument("--at-once", type=COUNT, default=4, help="jobs at a time on local; SLURM: all")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.cluster == "slurm":
            with SlurmCluster() as cluster:
                line = measure("slurm", args.jobs, args.jobs, cluster.environment, Path(folder))
        else:
            line = measure("local", args.jobs, args.at_once, dict(os.environ), Path(folder))
    print(line)
    is_new = not RESULTS.exists()
    with RESULTS.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if is_new:
            writer.writeheader()
        writer.writerow(line)


if __name__ == "__main__":
    main()
