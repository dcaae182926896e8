"""Find what the committed benchmarks measured of a GPU: seconds per iteration, and the gain of several trainings."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from enco.config.compute import Mode
from enco.errors import UserError
from workflow.cost.seconds import SecondsPerIteration, benchmark_speeds

SHOWN = "benchmarks/results"
RESULTS = Path(__file__).parents[2] / SHOWN
MEASURE = "`bash benchmarks/gpu.sh OUT` measures one"


def card_speeds(card: str, size: int, mode: Mode, results: Path = RESULTS) -> SecondsPerIteration:
    """Return what was measured of the GPU whose name has this text in it, with the gains of trainings together.

    Raises UserError if no committed file is of such a GPU, several GPUs have such a name, or the mode was not measured.
    """
    files = {path: device for path, device in _gpus(results) if card.lower() in device.lower()}
    known = ", ".join(sorted({device for _, device in _gpus(results)})) or "none"
    if not files:
        raise UserError(
            f"No measurement of a GPU named '{card}' is committed (there are: {known}): {MEASURE}, and --timing takes"
            " its speed.csv."
        )
    if len(set(files.values())) > 1:
        raise UserError(f"'{card}' names several GPUs: choose one of {', '.join(sorted(set(files.values())))}.")
    newest = max(files, key=_versions)
    speeds = benchmark_speeds(_lines(newest), size, mode, f"{SHOWN}/{newest.name}")
    gains, with_mps = (_gains(newest, subject, size, mode) for subject in ("together", "mps"))
    return replace(speeds, gains=gains, gains_with_mps=with_mps)


def _versions(path: Path) -> list[int]:
    """Return the numbers of the versions at the end of a file's name: 'torch2.11-cuda13.0'."""
    return [int(number) for number in re.findall(r"\d+", path.name.rpartition("torch")[2])]


def _gains(speed: Path, subject: str, size: int, mode: Mode) -> dict[int, float]:
    """Return by how much the iterations of several trainings exceed those of one, by their number.

    They were measured where a file of speeds was, with the same versions: the names differ by the subject alone.
    """
    path, wanted = speed.with_name(subject + speed.name.removeprefix("speed")), {"mode": mode, "size": str(size)}
    lines = _lines(path) if path.exists() else []
    kept = [line for line in lines if wanted.items() <= line.items() and line["iter_per_sec"]]
    change = min((line["change"] for line in kept), default="")  # the mode itself, else with a piece less
    rates = {int(line["together"]): float(line["iter_per_sec"]) for line in kept if line["change"] == change}
    return {count: rate / rates[1] for count, rate in sorted(rates.items()) if count > 1 and 1 in rates}


def _gpus(results: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files of speeds that were measured on a GPU, each with its name."""
    for path in sorted(results.glob("speed-*.csv")):
        for line in _lines(path)[:1]:
            if not line["threads"]:  # those of a CPU
                yield path, line["device"]


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
