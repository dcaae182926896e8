"""Seconds per training iteration of any method at any size, all variants in one process: `python -m eval.timing`."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from tabulate import tabulate

from enco.arguments import choose_device
from enco.config import Settings, parse
from enco.errors import UserError, run_cli
from enco.files import read_json, write_json
from enco.methods import Batch, Method, available, create, get
from enco.provenance import device_name, versions
from enco.schedule import Schedule
from enco.startup import skip_compiler

HALVES = {"first_half": 1, "second_half": 2}
"""The halves of training, by an epoch of each under `SCHEDULE`: at the full rate, and in the decay."""
SCHEDULE = Schedule(n_const=1, n_decay=1)
ROUND = 4
"""Iterations of one variant before the next has its turn, so that noise on a shared machine hits all alike."""
LEGACY_START, LEGACY_WEIGHT = 0.1, 0.005


class Variant(Settings):
    """What to time: a method with options."""

    method: str
    options: dict[str, Any] = Field(default_factory=dict)


@dataclass
class Stopwatch:
    """A method in training and the seconds of its iterations, by half; or the error that ended it."""

    variant: Variant
    method: Method | None = None
    seconds: dict[str, list[float]] = field(default_factory=lambda: {half: [] for half in HALVES})
    error: str = ""

    def build(self, size: int, batch_size: int, device: torch.device) -> None:
        """Build the method for such images, where its options say nothing else; UserError for an unknown one."""
        options = {"crop_size": size, "load_size": size, "batch_size": batch_size, **self.variant.options}
        with self._survive():
            self.method = create(self.variant.method, schedule=SCHEDULE, device=device, **options)

    def begin(self, half: str, batch: Batch, warmup: int) -> None:
        """Enter a half of training and do some untimed iterations, unless an earlier one failed."""
        with self._survive():
            if self.method:
                self.method.begin_epoch(HALVES[half])
                for _ in range(warmup):
                    time_step(self.method, batch)

    def run(self, half: str, batch: Batch, count: int) -> None:
        """Time some iterations, unless an earlier one failed."""
        with self._survive():
            if self.method:
                self.seconds[half] += [time_step(self.method, batch) for _ in range(count)]

    @contextmanager
    def _survive(self) -> Iterator[None]:
        """Keep any failure but a user's mistake as this method's result, and free its memory for the others."""
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            self.error = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            self.method = None
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def time_step(method: Method, batch: Batch) -> float:
    """One iteration in seconds, with the copy to the device and without loading data, as the originals count."""
    _synchronise(method.device)
    begin = time.perf_counter()
    method.step(Batch(source=batch["source"].to(method.device), target=batch["target"].to(method.device)))
    _synchronise(method.device)
    return time.perf_counter() - begin


def measure(
    variants: Mapping[str, Variant],
    device: torch.device,
    *,
    size: int,
    batch_size: int = 1,
    warmup: int = 5,
    iterations: int = 50,
) -> dict[str, Any]:
    """Time every variant on random images: `warmup` untimed and `iterations` timed iterations of each half of training.

    Returns the content of a timing file, in seconds per iteration; `sec_per_iter` is the mean of both halves' medians.
    A variant whose options name a batch size has that one. One that fails, say for want of memory, becomes an entry of
    `errors` and the others go on.
    Raises UserError for an unknown method or option, and for fewer than two iterations.
    """
    if iterations < 2:
        raise UserError(f"--iterations {iterations} is too few to time: give at least 2.")
    watches = {name: Stopwatch(variant) for name, variant in variants.items()}
    for watch in watches.values():
        watch.build(size, batch_size, device)
    batch_sizes = {name: variant.options.get("batch_size", batch_size) for name, variant in variants.items()}
    batches = {count: random_batch(size, count) for count in batch_sizes.values()}
    for half in HALVES:
        for name, watch in watches.items():
            watch.begin(half, batches[batch_sizes[name]], warmup)
        for start in range(0, iterations, ROUND):
            for name, watch in watches.items():
                watch.run(half, batches[batch_sizes[name]], min(ROUND, iterations - start))
    return {
        "device": device_name(device),
        "precision": _precision(device),
        "versions": versions(),
        **{"size": size, "batch_size": batch_size, "warmup": warmup, "iterations": iterations},
        "measured": {name: summary(w.seconds, batch_sizes[name]) for name, w in watches.items() if not w.error},
        "errors": {name: watch.error for name, watch in watches.items() if watch.error},
    }


def random_batch(size: int, batch_size: int, seed: int = 0) -> Batch:
    """Uniform noise in [-1, 1] in place of both domains."""
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.rand(2, batch_size, 3, size, size, generator=generator) * 2 - 1
    return Batch(source=source, target=target)


def summary(seconds: Mapping[str, Sequence[float]], batch_size: int) -> dict[str, Any]:
    """One variant's entry: statistics of each half, the headline, and the originals' average over both halves."""
    halves = {half: statistics_of(values) for half, values in seconds.items()}
    return {
        **halves,
        "batch_size": batch_size,
        "sec_per_iter": statistics.mean(half["median"] for half in halves.values()),
        "legacy": legacy_average([value for values in seconds.values() for value in values], batch_size),
    }


def statistics_of(seconds: Sequence[float]) -> dict[str, float]:
    """Median, mean and interquartile range of at least two values."""
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return {"median": median, "mean": statistics.mean(seconds), "iqr": high - low, "n": len(seconds)}


def legacy_average(seconds: Iterable[float], batch_size: int = 1) -> float:
    """The number that CycleGAN's and CUT's training prints: per image, exponential, started at 0.1 s.

    The start still weighs 0.995^n after n iterations.
    """
    average = LEGACY_START
    for value in seconds:
        average += LEGACY_WEIGHT * (value / batch_size - average)
    return average


def table(timing: Mapping[str, Any], baseline: str = "enco") -> str:
    """The measured variants as a table in milliseconds, fastest first, with the ratio to a baseline."""
    measured = sorted(timing["measured"].items(), key=lambda item: item[1]["sec_per_iter"])
    reference = timing["measured"].get(baseline, {}).get("sec_per_iter")
    rows = [
        (
            name,
            *(1000 * entry[half][key] for half in HALVES for key in ("median", "iqr")),
            1000 * entry["sec_per_iter"],
            entry["sec_per_iter"] / reference if reference else None,
        )
        for name, entry in measured
    ]
    headers = ("variant", "first half", "IQR", "second half", "IQR", "ms/iter", f"x {baseline}")
    return tabulate(rows, headers=headers, floatfmt=("", *[".1f"] * 5, ".2f"), missingval="-")


def load_variants(source: str) -> dict[str, Variant]:
    """Variants by name, {"enco+k=2": {"method": "enco", "options": {"k": 2}}}, from JSON text or a file of it."""
    content = _json(source) if source.lstrip().startswith("{") else read_json(Path(source))
    if not isinstance(content, dict) or not content:
        raise UserError('--variants needs a JSON object such as {"enco": {"method": "enco", "options": {}}}.')
    return {name: parse(Variant, entry, f"variant {name}") for name, entry in content.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Time the variants of the command line, print a table and write the timing file."""
    given = _parser().parse_args(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    skip_compiler()
    timing = measure(
        _variants(given),
        choose_device(given.device),
        size=given.size,
        batch_size=given.batch_size,
        warmup=given.warmup,
        iterations=given.iterations,
    )
    print(table(timing))
    print(f"{timing['device']}, {timing['precision']}, {given.size} x {given.size} pixels, batch {given.batch_size}")
    failed = "; ".join(f"{name} ({error})" for name, error in timing["errors"].items())
    if failed and not given.allow_failures:
        raise UserError(f"Nothing is written, as this could not be timed: {failed}; mend it or give --allow-failures.")
    if failed:
        print(f"Not timed: {failed}")
    if given.out:
        write_json(given.out, timing)


def _variants(given: argparse.Namespace) -> dict[str, Variant]:
    if given.variants:
        return load_variants(given.variants)
    names = list(available()) if given.methods == ["all"] else given.methods
    return {name: Variant(method=get(name).info.name) for name in names}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eval.timing", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--methods", nargs="+", metavar="NAME", help="methods at their default options, or 'all'")
    what.add_argument("--variants", metavar="JSON_OR_FILE", help="variants by name, each a method with options")
    parser.add_argument("--size", type=int, default=256, help="side of the images in pixels (default 256)")
    parser.add_argument("--batch-size", type=int, default=1, help="where a variant's options name none (default 1)")
    parser.add_argument("--warmup", type=int, default=5, help="untimed iterations of each half (default 5)")
    parser.add_argument("--iterations", type=int, default=50, help="timed iterations of each half (default 50)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    parser.add_argument("--threads", type=int, help="CPU threads of torch")
    parser.add_argument("--out", type=Path, metavar="FILE", help="timing file (JSON) to write")
    parser.add_argument("--allow-failures", action="store_true", help="write --out although a variant failed")
    return parser


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"--variants is not readable JSON ({error}).") from error


def _synchronise(device: torch.device) -> None:
    """Wait until the device has done its work."""
    getattr(torch, device.type).synchronize()


def _precision(device: torch.device) -> str:
    """What convolutions compute in."""
    tf32 = device.type == "cuda" and torch.backends.cudnn.allow_tf32
    return "float32, TF32 convolutions" if tf32 else "float32"


if __name__ == "__main__":
    run_cli(main)
