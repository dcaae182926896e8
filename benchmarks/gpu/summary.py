"""The summary of all result files, in at most 60 short lines."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.gpu.jobs import STOPPED
from benchmarks.gpu.plan import METHODS
from enco.io.files import read_json

GAPS = "(no kernel)"
"""What the time is called in which no kernel ran."""
LINES, WIDTH = 60, 180
WORST = 4
"""Lines on failures of one kind: with so few all that was measured fits below."""
KERNELS = 4
KINDS = ("plain", "eager", "compiled")
Lines = list[dict[str, str]]


def summarise(out: Path) -> str:
    """Summarise the files of a folder, as far as they are there."""
    parts = (jobs, checks, speeds, pieces, together, kernels, training)
    lines = [line for part in parts for line in part(out)]
    return "\n".join(line[:WIDTH] for line in lines[:LINES])


def jobs(out: Path) -> Iterator[str]:
    """Yield the device, the jobs that ended well, and each other one with the end of its log."""
    found = _read(out / "jobs.csv")
    yield from _log(out, "probe")[-2:]
    well = [line for line in found if line["status"] == "ok"]
    stopped = dict.fromkeys(f", {line['status']}" for line in found if line["status"].startswith(STOPPED))
    yield f"{len(well)} of {len(found)} jobs ended well, in {sum(_stage_seconds(found)):.0f} s{''.join(stopped)}"
    ill = sorted((line for line in found if line["status"] != "ok"), key=lambda line: "left out" in line["status"])
    yield from _first(
        f"  {one['job']}: {one['status']} after {float(one['seconds']):.0f} s; {''.join(_log(out, one['job'])[-1:])}"
        for one in ill
    )


def checks(out: Path) -> Iterator[str]:
    """Yield how many gradients and tests are right, and the first that are not."""
    gradients = [line for file in sorted(out.glob("selftest-*.log")) for line in _log(out, file.stem)]
    kinds = Counter(line.split()[0] for line in gradients if line.startswith(("ok  ", "FAIL")))
    yield f"selftest: {kinds['ok']} right, {kinds['FAIL']} wrong"
    yield from _first("  " + line for line in gradients if line.startswith("FAIL"))
    ends = [
        (found[1], found[2])
        for file in sorted(out.glob("tests-*.log"))
        for line in _log(out, file.stem)
        if (found := re.match(r"(\S+::\S+) (PASSED|FAILED|ERROR|SKIPPED)", line))
    ]
    counts = Counter(end for _, end in ends)
    yield "tests: " + ", ".join(f"{counts[end]} {end.lower()}" for end in ("PASSED", "FAILED", "ERROR", "SKIPPED"))
    yield from _first(f"  {name.partition('::')[2]}" for name, end in ends if end in ("FAILED", "ERROR"))


def speeds(out: Path) -> Iterator[str]:
    """Yield milliseconds of an iteration of each method: plain, fast without the compiler, and fast with it.

    Numbers are means over the halves of training that all of these have. Memory is what torch reserves, as that is what
    another process cannot have.
    """
    lines, notes = _read(out / "speed.csv") + _read(out / "compiled.csv"), list[str]()
    if lines:
        yield _columns("ms/iter", "plain", "eager fast", "compiled", "/ plain", "MiB plain", "fast", "of peak", "fast")
    for name in [name for name in METHODS if any(line["method"] == name for line in lines)]:
        own = [line for line in lines if line["method"] == name]
        timed = [line for line in own if line["sec_per_iter"]]
        each = [{line["half"] for line in timed if _kind(line) == kind} for kind in KINDS]
        halves = set.intersection(*filter(None, each)) if timed else set()
        yield _method(name, [line for line in timed if line["half"] in halves])
        notes += [f"  {name} {line['mode']} {line['change']}: {line['error']}" for line in own if line["error"]]
        if partly := ", ".join(sorted({line["half"] for line in timed} - halves)):
            notes.append(f"  {name}: without half {partly} of training, which was not timed in every way")
    notes += [f"  {line}" for line in dict.fromkeys(_log(out, "speed")) if "no FLOP count" in line]
    yield from _first(notes)


def _method(name: str, timed: Lines) -> str:
    """Return a method's line of the table of speeds."""
    plain, eager, compiled = ([line for line in timed if _kind(line) == kind] for kind in KINDS)
    best = compiled or eager
    seconds = [_mean(kind, "sec_per_iter") for kind in (plain, eager, compiled)]
    ratio = _mean(best, "sec_per_iter") / seconds[0] if seconds[0] else 0
    memory, shares = ([_mean(kind, key) for kind in (plain, best)] for key in ("reserved_mb", "share_of_peak"))
    numbers = [*(f"{1000 * value:.1f}" for value in seconds), f"{ratio:.2f}", *(f"{value:.0f}" for value in memory)]
    return _columns(name, *numbers, *(f"{value:.0%}" for value in shares))


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
    if not _read(out / "mps.csv"):
        yield from _log(out, "mps")[-1:]


def kernels(out: Path) -> Iterator[str]:
    """Yield the longest kernels of each case, the time without any, and that of copies to another layout or type."""
    lines = _read(out / "kernels.csv")
    for case in dict.fromkeys(line["case"] for line in lines):
        own = [line for line in lines if line["case"] == case]
        gaps = sum(float(line["share"]) for line in own if line["kernel"] == GAPS)
        copies, casts = (
            sum(float(line["share"]) for line in own if line[kind] == "1") for kind in ("copies_layout", "casts")
        )
        parts = f"none {gaps:.0%}, copies of layout {copies:.0%}, casts {casts:.0%}"
        yield f"kernels, {case} ({own[0]['computed']}): {parts}"
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


def _first(lines: Iterable[str]) -> list[str]:
    """Return the first lines, and how many others there are: no failure may keep out what was measured."""
    found = list(lines)
    return found if len(found) <= WORST else [*found[: WORST - 1], f"  and {len(found) - WORST + 1} others"]


def _columns(first: str, *others: str) -> str:
    """Format a line of a table, with a dash for what is 0."""
    return f"{first:13}" + "".join(f"{'-' if other.strip('0.%') == '' else other:>11}" for other in others)


def _mean(lines: Lines, column: str) -> float:
    """Return the mean of a column; 0 where a number is missing."""
    values = [float(line[column] or 0) for line in lines]
    return sum(values) / len(values) if values and all(values) else 0.0


def _kind(line: dict[str, str]) -> str:
    """Say how a step was computed: by its mode and, as a machine may have no compiler, by what it made use of."""
    return line["mode"] if line["mode"] == "plain" else ("compiled" if "compile" in line["pieces"] else "eager")


def _log(out: Path, job: str) -> list[str]:
    """Return the lines of a job's output, which may be torn; none where there is no output."""
    log = out / f"{job}.log"
    return log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []


def _read(path: Path) -> Lines:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
