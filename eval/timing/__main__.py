"""Seconds per training iteration of any method at any size, all variants in one process: `python -m eval.timing`."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from enco.config.base import parse
from enco.config.bounds import BATCH_SIZE, COUNT, COUNT_OR_NONE, SIDE, THREADS
from enco.config.compute import ComputeConfig
from enco.errors import UserError, run_cli
from enco.io.files import read_json, write_json
from enco.methods import available, get
from enco.runtime.devices import DEVICES, named_device
from enco.runtime.memory import keep_memory
from enco.training.arguments import choose_device, read_compute
from enco.training.provenance import device_name, versions
from enco.training.sources import method_sources
from enco.training.train_step import TrainStep
from eval.published import published_speeds
from eval.timing.stopwatch import HALVES, Stopwatch, Variant, interleave, offline_options, statistics_of
from eval.timing.table import QUIET, failures, notes, timing_table

ITERATIONS = {"cpu": 5, "cuda": 50}
"""Timed steps of each half where the command line names no number."""
LEGACY_START, LEGACY_WEIGHT = 0.1, 0.005


def measure(
    variants: Mapping[str, Variant],
    device: torch.device,
    *,
    size: int,
    batch_size: int | None = None,
    warmup: int = 5,
    iterations: int = 50,
    compute: ComputeConfig | None = None,
) -> dict[str, Any]:
    """Time every variant on random images: `warmup` untimed and `iterations` timed steps of each half of training.

    Each variant has its own options' batch size, else `batch_size`, else its method's default. Returns the content of a
    timing file, in seconds. A variant that fails, say for want of memory, becomes an entry of `errors` and the others
    go on.
    Raises UserError for an unknown method or option, and for fewer than two iterations.
    """
    if iterations < 2 or warmup < 0:
        raise UserError(f"--iterations {iterations} and --warmup {warmup} are too few: give at least 2 and 0.")
    compute = compute or ComputeConfig()
    watches = {name: Stopwatch(variant, compute) for name, variant in variants.items()}
    for watch in watches.values():
        watch.build(size, batch_size, device)
    steppers = [watch.train_step for watch in watches.values() if watch.train_step]
    with tqdm(total=len(HALVES) * len(watches) * (warmup + iterations), unit="step", disable=None) as progress:
        for half in HALVES:
            for watch in watches.values():
                watch.begin(half, warmup)
                progress.update(warmup)
            interleave(watches.values(), half, iterations, done=progress.update)
    return {
        "device": device_name(device),
        "precision": " and ".join(dict.fromkeys(map(_precision, steppers))),
        "compute": [text for text in dict.fromkeys(train_step.explanation for train_step in steppers) if text],
        "versions": versions(),
        **{"size": size, "batch_size": batch_size, "warmup": warmup, "iterations": iterations},
        "measured": {name: _entry(watch) for name, watch in watches.items() if not watch.error},
        "errors": {name: watch.error for name, watch in watches.items() if watch.error},
        "options": {name: watch.changed for name, watch in watches.items()},
    }


def asked_for(variants: Mapping[str, Variant], compute: ComputeConfig) -> dict[str, Any]:
    """Say what was to be timed: each variant's method and options, and its code's files with their digests.

    Raises UserError for a method without a file.
    """
    named = {
        name: {**one.model_dump(mode="json"), "sources": method_sources(one.method)} for name, one in variants.items()
    }
    return {"compute": compute.model_dump(mode="json"), "variants": named}


def _entry(watch: Stopwatch) -> dict[str, Any]:
    """A variant's entry of a timing file."""
    return watch.sizes | summary(watch.seconds, watch.sizes["images_per_iteration"])


def summary(seconds: Mapping[str, Sequence[float]], images: int) -> dict[str, Any]:
    """Summarise the steps of each half, the headline and its spread, and the originals' average over both halves.

    `sec_per_iter`, the headline, is the mean of both halves' medians for each of the `images` that a step translates.
    `first_half` and `second_half` hold `median`, `mean` and `iqr` in seconds of a step, and `n`, the number of steps.
    `iqr` is the mean of both halves' interquartile ranges, in the unit of `sec_per_iter`.
    `spread` is the larger `iqr` / `median` of the two; `busy` is true where that is over `QUIET`.
    """
    halves = {half: statistics_of(values) for half, values in seconds.items()}
    sec_per_step = statistics.mean(half["median"] for half in halves.values())
    spread = max(half["iqr"] / half["median"] for half in halves.values())
    return {
        **halves,
        "sec_per_step": sec_per_step,
        "sec_per_iter": sec_per_step / images,
        "iqr": statistics.mean(half["iqr"] for half in halves.values()) / images,
        "spread": spread,
        "busy": spread > QUIET,
        "legacy": legacy_average([value for values in seconds.values() for value in values], images),
    }


def legacy_average(seconds: Iterable[float], images: int = 1) -> float:
    """The number that CycleGAN's and CUT's training prints: per image, exponential, started at 0.1 s.

    The start still weighs 0.995^n after n iterations.
    """
    average = LEGACY_START
    for value in seconds:
        average += LEGACY_WEIGHT * (value / images - average)
    return average


def load_variants(source: str) -> dict[str, Variant]:
    """Variants by name, {"enco+k=2": {"method": "enco", "options": {"k": 2}}}, from JSON text or a file of it."""
    content = _json(source, "--variants", '{"enco": {"method": "enco", "options": {}}}')
    return {name: parse(Variant, entry, f"variant {name}") for name, entry in content.items()}


def method_variants(names: Sequence[str], size: int, options: Mapping[str, Any]) -> dict[str, Variant]:
    """Methods by name, or 'all', each at its defaults but for the options given for it.

    Where a default cannot run at this size, or would need a download, the method's documented stand-in takes its place.
    Raises UserError for an unknown method.
    """
    for name in options:
        get(name)
    chosen = available() if list(names) == ["all"] else names
    return {
        name: Variant(method=name, options=offline_options(name, options.get(name, {}), size) | options.get(name, {}))
        for name in chosen
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Time the variants of the command line, print a table and write the timing file."""
    given = _parser().parse_args(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    device = choose_device(given.device)
    compute = read_compute(given.compute)
    keep_memory()
    variants = _variants(given)
    asked = asked_for(variants, compute)  # now, as files may be edited meanwhile
    timing = measure(
        variants,
        device,
        size=given.size,
        batch_size=given.batch_size,
        warmup=given.warmup,
        iterations=ITERATIONS.get(device.type, ITERATIONS["cuda"]) if given.iterations is None else given.iterations,
        compute=compute,
    )
    print(timing_table(timing, published_speeds(given.published)))
    print(*notes(timing), sep="\n")
    if timing["errors"] and not given.allow_failures:
        cure = "mend it or give --allow-failures"
        raise UserError(f"Nothing is written, as this could not be timed: {failures(timing)}; {cure}.")
    if given.out:
        write_json(given.out, {**timing, "asked": asked})


def _variants(given: argparse.Namespace) -> dict[str, Variant]:
    if given.variants:
        return load_variants(given.variants)
    options = _json(given.options, "--options", '{"cut": {"tau": 0.1}}') if given.options else {}
    return method_variants(given.methods, given.size, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eval.timing", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--methods", nargs="+", metavar="NAME", help="methods at their default options, or 'all'")
    what.add_argument("--variants", metavar="JSON_OR_FILE", help="variants by name, each a method with options")
    parser.add_argument("--options", metavar="JSON_OR_FILE", help="with --methods: options by method's name")
    parser.add_argument("--size", type=SIDE, default=256, help="side of the images in pixels (default 256)")
    parser.add_argument(
        "--batch-size", type=BATCH_SIZE, help="where a variant's options name none (default: the method's)"
    )
    parser.add_argument("--warmup", type=COUNT_OR_NONE, default=2, help="untimed steps of each half (default 2)")
    counts = ", ".join(f"{count} on {kind}" for kind, count in ITERATIONS.items())
    parser.add_argument("--iterations", type=COUNT, help=f"timed steps of each half (default {counts})")
    parser.add_argument("--device", type=named_device, choices=DEVICES, default="auto")
    parser.add_argument("--threads", type=THREADS, help="CPU threads of torch")
    parser.add_argument("--compute", default="plain", metavar="MODE_OR_YAML", help="plain (default), fast, or pieces")
    parser.add_argument("--published", type=Path, default=Path("config", "published.csv"), help="the paper's numbers")
    parser.add_argument("--out", type=Path, metavar="FILE", help="timing file (JSON) to write")
    parser.add_argument("--allow-failures", action="store_true", help="write --out although a variant failed")
    return parser


def _json(source: str, option: str, example: str) -> dict[str, Any]:
    """An object that is not empty, from JSON text or a file of it."""
    try:
        content = json.loads(source) if source.lstrip().startswith("{") else read_json(Path(source))
    except ValueError as error:
        raise UserError(f"{option} is not readable JSON ({error}).") from error
    if not isinstance(content, dict) or not content:
        raise UserError(f"{option} needs a JSON object such as {example}.")
    return content


def _precision(train_step: TrainStep) -> str:
    """How steps are computed, with the precision of float32 convolutions where a GPU has two."""
    options = train_step.options
    has_tf32 = train_step.can.tf32 and options.tf32 and not options.bfloat16
    return f"{options}, TF32 convolutions" if has_tf32 else str(options)


if __name__ == "__main__":
    run_cli(main)
