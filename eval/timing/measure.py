"""Seconds per training iteration of several variants, measured in turns in one process."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence

import torch
from tqdm import tqdm

from enco.config.compute import ComputeConfig
from enco.errors import UserError
from enco.training.provenance import device_name, versions
from enco.training.sources import method_sources
from enco.training.train_step import TrainStep
from eval.records import Measurement, TimedVariant, Timing, TimingRequest
from eval.timing.stopwatch import HALVES, Stopwatch, Variant, interleave, statistics_of
from eval.timing.table import QUIET

LEGACY_START, LEGACY_WEIGHT = 0.1, 0.005


def measure(
    variants: Mapping[str, Variant],
    device: torch.device,
    *,
    size: int,
    warmup: int,
    iterations: int,
    batch_size: int | None = None,
    compute: ComputeConfig = ComputeConfig(),  # noqa: B008 (immutable)
) -> Timing:
    """Time every variant on random images: `warmup` untimed and `iterations` timed steps of each half of training.

    Each variant has its own options' batch size, else `batch_size`, else its method's default. A variant that fails,
    say for want of memory, becomes an entry of `errors` and the others go on.
    Raises UserError for an unknown method or option, and for fewer than two iterations.
    """
    if iterations < 2 or warmup < 0:
        raise UserError(f"--iterations {iterations} and --warmup {warmup} are too few: give at least 2 and 0.")
    asked = _request(variants, compute)  # now, as files may be edited meanwhile
    watches = {name: Stopwatch(variant, compute) for name, variant in variants.items()}
    for watch in watches.values():
        watch.build(size, batch_size, device)
    train_steps = [watch.train_step for watch in watches.values() if watch.train_step]
    _run(watches.values(), warmup, iterations)
    return Timing(
        device=device_name(device),
        precision=" and ".join(dict.fromkeys(map(_precision, train_steps))),
        compute=[text for text in dict.fromkeys(train_step.explanation for train_step in train_steps) if text],
        versions=versions(),
        **{"size": size, "batch_size": batch_size, "warmup": warmup, "iterations": iterations},
        measured={name: summarise(watch.seconds, watch.sizes) for name, watch in watches.items() if not watch.error},
        errors={name: watch.error for name, watch in watches.items() if watch.error},
        options={name: watch.changed for name, watch in watches.items()},
        asked=asked,
    )


def summarise(seconds: Mapping[str, Sequence[float]], sizes: Mapping[str, int]) -> Measurement:
    """Summarise the steps of each half, the headline and its spread, and the originals' average over both halves."""
    halves = {half: statistics_of(values) for half, values in seconds.items()}
    images = sizes["images_per_iteration"]
    sec_per_step = statistics.mean(half.median for half in halves.values())
    spread = max(half.iqr / half.median for half in halves.values())
    return Measurement(
        **sizes,
        **halves,
        sec_per_step=sec_per_step,
        sec_per_iter=sec_per_step / images,
        iqr=statistics.mean(half.iqr for half in halves.values()) / images,
        spread=spread,
        busy=spread > QUIET,
        legacy=legacy_average([value for values in seconds.values() for value in values], images),
    )


def legacy_average(seconds: Iterable[float], images: int = 1) -> float:
    """Return the number that CycleGAN's and CUT's training prints: per image, exponential, started at 0.1 s.

    The start still weighs 0.995^n after n iterations.
    """
    average = LEGACY_START
    for value in seconds:
        average += LEGACY_WEIGHT * (value / images - average)
    return average


def _request(variants: Mapping[str, Variant], compute: ComputeConfig) -> TimingRequest:
    """Note what is to be timed; UserError for a method without a file."""
    timed = {
        name: TimedVariant(**variant.model_dump(mode="json"), sources=method_sources(variant.method))
        for name, variant in variants.items()
    }
    return TimingRequest(compute=compute, variants=timed)


def _run(watches: Collection[Stopwatch], warmup: int, iterations: int) -> None:
    with tqdm(total=len(HALVES) * len(watches) * (warmup + iterations), unit="step", disable=None) as progress:
        for half in HALVES:
            for watch in watches:
                watch.begin(half, warmup)
                progress.update(warmup)
            interleave(watches, half, iterations, done=progress.update)


def _precision(train_step: TrainStep) -> str:
    """Name how steps are computed, with the precision of float32 convolutions where a GPU has two."""
    options = train_step.options
    has_tf32 = train_step.can.tf32 and options.tf32 and not options.bfloat16
    return f"{options}, TF32 convolutions" if has_tf32 else str(options)
