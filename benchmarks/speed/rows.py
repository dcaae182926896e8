"""The lines of a result file of `python -m benchmarks.speed`."""

from __future__ import annotations

import csv
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.speed.cases import Case
from benchmarks.speed.together import Run
from enco.io.files import atomic_path
from eval.timing.stopwatch import Stopwatch, statistics_of

COLUMNS = (
    *("method", "mode", "change", "pieces", "size", "batch", "half", "together"),
    *("sec_per_iter", "iqr", "n", "images_per_iteration", "iter_per_sec", "peak_memory_mb", "reserved_mb"),
    *("flop", "flop_per_s", "peak_flop_per_s", "share_of_peak"),
    *("device", "instructions", "threads", "torch", "options", "error"),
)
Row = dict[str, Any]


def described(case: Case, device: torch.device) -> Row:
    """Return the columns that describe a case."""
    names = {"method": case.method, "mode": case.compute.mode, "change": case.change}
    return names | {"pieces": str(case.compute_options(device)), "size": case.size, "batch": case.batch}


def timed(watch: Stopwatch, half: str) -> Row:
    """Return median and interquartile range of a half's steps, for each translated image; or the error."""
    about: Row = {"half": 1 if half == "first_half" else 2, "together": 1, "error": watch.error}
    about["options"] = json.dumps(watch.changed) if watch.changed else ""
    if len(watch.seconds[half]) < 2:
        return about
    images, found = watch.sizes["images_per_iteration"], statistics_of(watch.seconds[half])
    seconds = found.median / images
    return about | {
        **{"sec_per_iter": seconds, "iqr": found.iqr / images, "n": found.n},
        **{"iter_per_sec": 1 / seconds, "images_per_iteration": images},
    }


def of_arithmetic(flop: int | None, seconds: float | None, peak: float) -> Row:
    """Return a step's operations for an image, the rate, and the share of the device's peak."""
    row: Row = {"flop": flop, "peak_flop_per_s": peak}
    return row | ({"flop_per_s": flop / seconds, "share_of_peak": flop / seconds / peak} if flop and seconds else {})


def of_trainings(runs: Sequence[Run], count: int) -> Row:
    """Return iterations per second of all trainings side by side, and the median of all steps."""
    error = next((run.error for run in runs if run.error), "")
    about: Row = {"half": 1, "together": count, "error": error}
    if error or not all(run.seconds for run in runs):
        return about
    seconds = [value / run.images for run in runs for value in run.seconds]
    return about | {
        **{"sec_per_iter": statistics.median(seconds), "n": len(seconds), "iter_per_sec": sum(r.rate for r in runs)},
        "images_per_iteration": runs[0].images,
    }


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a result file; numbers with six digits."""
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _short(value) for name, value in row.items()} for row in rows)


def read(path: Path) -> list[dict[str, str]]:
    """Read the lines of a result file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
