"""Measure a demo job's seconds beyond the work: forked from the server of jobs, and as a process of its own.

    python -m benchmarks.jobs            # after `make tables`: a minute or two

A job's wall time, less the time of a second call of the module's `main` in one process, where nothing is left to
import. A training's work is the `wall_seconds` of its run.json. Medians of a few calls.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tabulate import tabulate

from enco.io.files import read_json
from workflow.jobs.forkserver import start_server

REPEATS = 3
THREADS = {"OMP_NUM_THREADS": "1"}


def jobs(results: Path, out: Path) -> dict[str, list[str]]:
    """Return the words after `python -m` of each kind of job."""
    made = results / "demo"
    data, real, run = (made / part for part in ("data/horse2zebra", "real/horse2zebra", "runs/horse2zebra/enco/seed0"))
    extractor = "--extractor random-inception --input-size 128 --threads 1"
    texts = {
        "train": f"enco.train --method enco --data {data} --out {out}/run --epochs 1 0 --threads 1 --tracking off"
        " --set ngf=8 --set ndf=8 --set crop_size=64 --set load_size=64 --set max_iterations=20",
        "real_features": f"eval features --images {data}/testB --sources {data}/testA --out {out}/full.npz"
        f" --paired-out {out}/paired.npz --size 64 --legacy-rounding {extractor}",
        "evaluate": f"eval evaluate --generator {run}/generator.safetensors --sources {data}/testA"
        f" --images {out}/images --run-json {run}/run.json --task horse2zebra --selection final -k 5"
        f" --real-paired {real}/paired.npz --real-full {real}/full.npz --out {out}/scores.json"
        f" --features-out {out}/features.npz {extractor}",
        "demo_data": f"enco.datasets demo --dataset horse2zebra --out {out} --replace --size 64",
    }
    return {kind: text.split() for kind, text in texts.items()}


def seconds(action: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def wall(words: list[str], environment: dict[str, str]) -> float:
    """Return the seconds of a whole job."""
    job = ["python", "-m", *words]
    return seconds(lambda: subprocess.run(job, check=True, capture_output=True, env=environment))


def work(words: list[str]) -> float:
    """Return the seconds of a job's module in this process, once everything is imported."""
    main = importlib.import_module("eval.__main__" if words[0] == "eval" else f"{words[0]}.__main__").main
    with contextlib.redirect_stdout(io.StringIO()):
        return [seconds(lambda: main(words[1:])) for _ in range(2)][1]


def overhead(kind: str, results: Path, environment: dict[str, str]) -> float:
    """Return the seconds of one job beyond the work."""
    with tempfile.TemporaryDirectory() as folder:
        words = jobs(results, Path(folder))[kind]
        total = wall(words, environment)
        if kind == "train":
            return total - float(read_json(Path(folder, "run", "run.json"))["wall_seconds"])
    with tempfile.TemporaryDirectory() as folder:
        return total - work(jobs(results, Path(folder))[kind])


def environments() -> tuple[dict[str, str], dict[str, str]]:
    """Return the environments of jobs that are forked and of ordinary ones; the server ends with this process."""
    ordinary = {**os.environ, **THREADS}
    start_server()
    forked = {**os.environ, **THREADS}
    subprocess.run(["python", "-m", "eval", "--help"], check=True, capture_output=True, env=forked)  # the server is up
    return forked, ordinary


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"), help="those of `make tables`")
    results = parser.parse_args().results.resolve()
    ways, rows = environments(), []
    for kind in jobs(results, results):
        times = [[overhead(kind, results, how) for _ in range(REPEATS)] for how in ways]
        rows.append((kind, *map(statistics.median, times)))
    print(tabulate(rows, headers=("job", "forked, s", "a process of its own, s"), floatfmt=".2f", tablefmt="github"))


if __name__ == "__main__":
    main()
