"""Measure the pipeline itself: planning, a call with nothing to do, FID of cached features.

    python -m benchmarks.pipeline            # after `make tables`

Times are wall-clock seconds of this machine; the median of a few calls.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tabulate import tabulate

ROOT = Path(__file__).parent.parent
REPEATS = 3


def seconds(action: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median wall time of an action."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def command(*arguments: str) -> Callable[[], object]:
    """Return a call of a module of this environment from the project's root."""
    return lambda: subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=True, capture_output=True)


def fid_of_cached_features() -> float:
    """Return the seconds for the FID of 500 against 500 images of 2048 features."""
    from eval.metrics.fid import fid

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 500, 2048)).astype(np.float32)
    return seconds(lambda: fid(a, b))


def main() -> None:
    """Measure and print."""
    rows = [
        ("plan of the paper's grid", seconds(command("workflow", "--config", "config/paper.yaml"))),
        ("`make tables` with nothing to do", seconds(command("workflow.jobs.launch", "all_tables"))),
        ("FID, 500 against 500 cached features", fid_of_cached_features()),
    ]
    print(tabulate(rows, headers=("what", "seconds"), floatfmt=".2f"))


if __name__ == "__main__":
    main()
