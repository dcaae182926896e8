"""Read seconds for each translated image of each domain, by variant: printed by the paper, or measured."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from enco.config.compute import Mode
from enco.config.run import RunConfig
from enco.errors import UserError
from enco.methods import info, parse_options
from eval.published import Published
from eval.records import Timing, read_timing
from eval.tables.spec import TableSpec
from workflow.plan.grid import Grid


@dataclass(frozen=True)
class SecondsPerIteration:
    """Seconds by variant, their source, and the gain of several trainings at once on one GPU.

    `together` trainings on one GPU do `gain` times the iterations per second of one that has it alone. `gains` are
    those that were measured, by the number of trainings; None where nobody looked for such measurements. The
    `gains_with_mps` are the same under the GPU's Multi-Process Service.
    """

    source: str
    seconds: Mapping[str, float]
    together: int = 1
    gain: float = 1.0
    gains: Mapping[int, float] | None = None
    gains_with_mps: Mapping[int, float] = field(default_factory=dict)

    def charged_to(self, config: RunConfig) -> str | None:
        """Return whose seconds a training is charged: the variant's, else the method's; None if neither is known."""
        return next((name for name in (config.variant, config.method) if name in self.seconds), None)

    def hours(self, config: RunConfig, steps: int | None) -> float | None:
        """Return the GPU-hours of a number of steps; None where the number or the seconds are not known."""
        name = self.charged_to(config)
        if name is None or steps is None:
            return None
        images = parse_options(config.method, config.options).images_per_iteration
        return steps * images * self.seconds[name] / self.gain / 3600


def published_seconds(
    grid: Grid, tables: Mapping[str, TableSpec], published: Published, source: str
) -> SecondsPerIteration:
    """Return the paper's sec/iter of each variant; of several for one, the first table's."""
    seconds: dict[str, float] = {}
    for cell in grid.cells:
        printed = published.get((tables[cell.table].key, cell.row.key, cell.task, cell.metric))
        if cell.metric == "sec/iter" and printed is not None:
            seconds.setdefault(cell.evaluation.run.variant, float(printed))
    return SecondsPerIteration(f"the paper's sec/iter ({source})", seconds)


def read_speeds(path: Path, size: int, mode: Mode) -> SecondsPerIteration:
    """Read the sec/iter of a timing file, or of a CSV file of benchmarks.speed for images of a side and in a mode."""
    if path.suffix != ".csv":
        return timed_speeds(read_timing(path), str(path))
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return benchmark_speeds(list(csv.DictReader(file)), size, mode, str(path))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: name a timing file, or a CSV file of benchmarks.speed.") from error


def timed_speeds(timing: Timing, source: str) -> SecondsPerIteration:
    """Return the sec/iter of a timing file."""
    seconds = {name: one.sec_per_iter for name, one in timing.measured.items()}
    return SecondsPerIteration(f"sec/iter measured on {timing.device}, {timing.precision} ({source})", seconds)


def benchmark_speeds(lines: list[dict[str, str]], size: int, mode: Mode, source: str) -> SecondsPerIteration:
    """Return the sec/iter of the lines of benchmarks.speed at a method's own batch size, the mean of the halves timed.

    A method that was timed without the compiler alone has those seconds, as compiling takes longer than some have time
    for. So has one whose compiled steps were timed in fewer halves of training than other steps. UserError if there is
    no line for this size and mode.
    """
    wanted = {"size": str(size), "together": "1"}
    kept = [line for line in lines if wanted.items() <= line.items() and line["batch"] == _own_batch(line["method"])]
    every = {(line["method"], line["half"]) for line in kept if line.get("sec_per_iter")}
    timed = [line for line in kept if line.get("sec_per_iter") and line["mode"] == mode]
    if not (used := _by_method(timed, "without compile", every) | _by_method(timed, "", every)):
        raise UserError(
            f"{source} has no sec/iter of mode {mode} at {size} pixels: choose another mode, or name another file of"
            " benchmarks.speed."
        )
    seconds = {name: statistics.mean(float(line["sec_per_iter"]) for line in own) for name, own in used.items()}
    computed = " or ".join(dict.fromkeys(line["pieces"] for own in used.values() for line in own))
    return SecondsPerIteration(f"sec/iter measured on {timed[0]['device']}, {computed} ({source})", seconds)


def _by_method(
    lines: list[dict[str, str]], change: str, every: set[tuple[str, str]]
) -> dict[str, list[dict[str, str]]]:
    """Return the lines of each method that was timed this way in every half of training that it was timed in."""
    kept = [line for line in lines if line["change"] == change]
    partly = {name for name, half in every - {(line["method"], line["half"]) for line in kept}}
    names = dict.fromkeys(line["method"] for line in kept if line["method"] not in partly)
    return {name: [line for line in kept if line["method"] == name] for name in names}


def _own_batch(method: str) -> str:
    """Return a method's batch size as it stands in the lines of a benchmark."""
    return str(info(method).Options.model_fields["batch_size"].default)
