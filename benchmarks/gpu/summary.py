"""The summary of all result files, in at most 60 short lines."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.gpu.plan import METHODS
from enco.io.files import read_json

GAPS = "(no kernel)"
"""What the time is called in which no kernel ran."""
LINES, WIDTH = 60, 150
WORST = 6
"""Failures that are named."""
KERNELS = 4
Lines = list[dict[str, str]]


def summarise(out: Path) -> str:
    """Summarise the files of a folder, as far as they are there."""
    parts = (jobs, checks, speeds, pieces, together, kernels, training)
    lines = [line for part in parts for line in part(out)]
    return "\n".join(line[:WIDTH] for line in lines[:LINES])


def jobs(out: Path) -> Iterator[str]:
    """Yield the device, the jobs that ended well, and each other one with the end of its log."""
    found = _read(out / "jobs.csv")
    about = next(iter(_read(out / "speed.csv")), {})
    device = f"{about['device']} ({about['instructions']}), torch {about['torch']}; " if about else ""
    well = [line for line in found if line["status"] == "ok"]
    yield f"{device}{len(well)} of {len(found)} jobs ended well, in {sum(_stage_seconds(found)):.0f} s"
    for line in [line for line in found if line["status"] != "ok"][:WORST]:
        yield f"  {line['job']}: {line['status']} after {float(line['seconds']):.0f} s; {_last_line(out, line['job'])}"


def checks(out: Path) -> Iterator[str]:
    """Yield how many gradients and tests are right, and the first that are not."""
    gradients = [line for file in sorted(out.glob("selftest-*.log")) for line in file.read_text("utf-8").splitlines()]
    kinds = Counter(line.split()[0] for line in gradients if line.startswith(("ok  ", "FAIL")))
    yield f"selftest: {kinds['ok']} right, {kinds['FAIL']} wrong"
    yield from ["  " + line for line in gradients if line.startswith("FAIL")][:WORST]
    ends = [
        (found[1], found[2])
        for file in sorted(out.glob("tests-*.log"))
        for found in re.finditer(r"^(\S+::\S+) (PASSED|FAILED|ERROR|SKIPPED)", file.read_text("utf-8"), re.MULTILINE)
    ]
    counts = Counter(end for _, end in ends)
    yield "tests: " + ", ".join(f"{counts[end]} {end.lower()}" for end in ("PASSED", "FAILED", "ERROR", "SKIPPED"))
    yield from [f"  {name.partition('::')[2]}" for name, end in ends if end in ("FAILED", "ERROR")][:WORST]


def speeds(out: Path) -> Iterator[str]:
    """Yield milliseconds of an iteration of each method: plain, fast without the compiler, and all of fast."""
    lines = _read(out / "speed.csv") + _read(out / "compiled.csv")
    if lines:
        yield _columns("ms/iter", "plain", "no compile", "fast", "/ plain", "MiB plain", "MiB fast", "of peak", "fast")
    for name in METHODS:
        own = [line for line in lines if line["method"] == name]
        kinds = (("plain", ""), ("fast", "without compile"), ("fast", ""))
        plain, eager, fast = ([line for line in own if (line["mode"], line["change"]) == kind] for kind in kinds)
        best = fast if _mean(fast, "sec_per_iter") else eager
        seconds = [_mean(kind, "sec_per_iter") for kind in (plain, eager, fast)]
        ratio = _mean(best, "sec_per_iter") / seconds[0] if seconds[0] else 0
        memory, shares = ([_mean(kind, key) for kind in (plain, best)] for key in ("peak_memory_mb", "share_of_peak"))
        if own:
            numbers = [f"{1000 * value:.1f}" for value in seconds] + [
                f"{ratio:.2f}",
                *(f"{value:.0f}" for value in memory),
            ]
            yield _columns(name, *numbers, *(f"{value:.0%}" for value in shares))
            yield from (f"  {line['mode']} {line['change']}: {line['error']}" for line in own if line["error"])


def pieces(out: Path) -> Iterator[str]:
    """Yield the milliseconds of the pieces of a step."""
    for line in _read(out / "pieces.csv"):
        parts = [
            f"{name} {line[f'{name}_ms']}" for name in ("forward", "backward", "optimizer", "step", "data", "copy")
        ]
        yield f"pieces, ms: {line['method']} {line['mode']}: {', '.join(parts)}"


def together(out: Path) -> Iterator[str]:
    """Yield iterations per second of trainings side by side."""
    for name, how in (("together", ""), ("mps", ", MPS")):
        lines = _read(out / f"{name}.csv")
        for kind in dict.fromkeys(f"{line['mode']} {line['change']}".strip() for line in lines):
            own = [line for line in lines if f"{line['mode']} {line['change']}".strip() == kind]
            rates = "; ".join(f"{line['together']}: {line['iter_per_sec'] or line['error']}" for line in own)
            yield f"trainings together, iterations/s of enco ({kind}{how}): {rates}"
    if (out / "mps.log").exists() and not _read(out / "mps.csv"):
        yield _last_line(out, "mps")


def kernels(out: Path) -> Iterator[str]:
    """Yield the longest kernels of each case, the time without any, and the copies of layout."""
    lines = _read(out / "kernels.csv")
    for case in dict.fromkeys(line["case"] for line in lines):
        own = [line for line in lines if line["case"] == case]
        gaps = sum(float(line["share"]) for line in own if line["kernel"] == GAPS)
        copies = sum(float(line["share"]) for line in own if line["copies_layout"] == "1")
        yield f"kernels, {case} ({own[0]['computed']}): none {gaps:.0%}, copies of layout {copies:.0%}"
        for line in [line for line in own if line["kernel"] != GAPS][:KERNELS]:
            yield f"  {float(line['share']):4.0%} {float(line['ms']):8.3f} ms {line['calls']:>6} x {line['kernel']}"


def training(out: Path) -> Iterator[str]:
    """Yield what the training came to."""
    if (file := out / "training" / "result.json").exists():
        yield "training: " + ", ".join(f"{key} {value}" for key, value in read_json(file).items())


def _stage_seconds(found: Lines) -> list[float]:
    """Return the seconds of each stage, those of its longest job."""
    stages = dict.fromkeys(line["stage"] for line in found)
    return [max(float(line["seconds"]) for line in found if line["stage"] == stage) for stage in stages]


def _columns(first: str, *others: str) -> str:
    """Format a line of a table, with a dash for what is 0."""
    return f"{first:13}" + "".join(f"{'-' if other.strip('0.%') == '' else other:>11}" for other in others)


def _mean(lines: Lines, column: str) -> float:
    """Return the mean of a column over the halves of a training; 0 where one is missing."""
    values = [float(line[column] or 0) for line in lines]
    return sum(values) / len(values) if values and all(values) else 0.0


def _last_line(out: Path, job: str) -> str:
    log = out / f"{job}.log"
    lines = log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []
    return lines[-1].strip() if lines else ""


def _read(path: Path) -> Lines:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
