"""The table that `python -m eval.timing` prints: measured speeds beside the paper's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from tabulate import tabulate

from eval.records import Timing

BASELINE = "enco"
QUIET = 0.15
"""Largest interquartile range of steps, as a share of the median, on a machine that is not busy with other work."""
HEADERS = (
    *("variant", "sec/iter", f"x {BASELINE}", "paper", f"paper x {BASELINE}"),
    *("first half", "IQR", "second half", "IQR", "images"),
)


def timing_table(timing: Timing, published: Mapping[str, float]) -> str:
    """Lay out the measured variants, fastest first: seconds per image, the ratio to EnCo, and both as published.

    The halves and their interquartile ranges are seconds per step, which translates as many `images` of each domain.
    """
    speeds = {name: entry.sec_per_iter for name, entry in timing.measured.items()}
    rows = [
        (
            name,
            *(speeds[name], ratio(speeds, name), published.get(name), ratio(published, name)),
            *(entry.first_half.median, entry.first_half.iqr, entry.second_half.median, entry.second_half.iqr),
            entry.images_per_iteration,
        )
        for name, entry in sorted(timing.measured.items(), key=lambda item: speeds[item[0]])
    ]
    digits = ("", ".4f", ".2f", "g", ".2f", *[".4f"] * 4, "g")
    return tabulate(rows, headers=HEADERS, floatfmt=digits, missingval="-")


def ratio(speeds: Mapping[str, float], name: str) -> float | None:
    """Return a variant's seconds as a multiple of the baseline's, where both are known."""
    return speeds[name] / speeds[BASELINE] if name in speeds and BASELINE in speeds else None


def notes(timing: Timing) -> Iterator[str]:
    """Say where the timing was measured, and which variants had other options, a busy machine, or no timing at all."""
    yield f"{timing.device}, {timing.precision}, {sizes(timing)}, seconds per image"
    yield from timing.compute
    for name, options in timing.options.items():
        if options:
            yield f"{name}: with {', '.join(f'{key}={value}' for key, value in options.items())}, else its defaults"
    spreads = {name: entry.spread for name, entry in timing.measured.items() if entry.busy}
    if spreads:
        named = ", ".join(f"{name} ({spread:.0%})" for name, spread in spreads.items())
        yield (
            f"Measured on a busy machine, as the interquartile range is over {QUIET:.0%} of the median: {named}; "
            "measure again with nothing else running, or with more --iterations."
        )
    if timing.errors:
        yield f"Not timed: {failures(timing)}"


def sizes(timing: Timing, variants: Collection[str] = ()) -> str:
    """Describe the images of these variants, or of all: '256 × 256 pixels (drit 216 × 216), batch 1 (drit 2)'."""
    measured = {name: entry for name, entry in timing.measured.items() if not variants or name in variants}
    sides = {name: f"{entry.size} × {entry.size}" for name, entry in measured.items()}
    batches = {name: str(entry.batch_size) for name, entry in measured.items()}
    return f"{_with_exceptions(sides, ' pixels')}, batch {_with_exceptions(batches)}"


def _with_exceptions(values: Mapping[str, str], unit: str = "") -> str:
    """Return the commonest value, and in brackets the names of other values."""
    usual = max(Counter(values.values()).items(), key=lambda item: item[1], default=("nothing", 0))[0]
    others = ", ".join(f"{name} {value}" for name, value in values.items() if value != usual)
    return f"{usual}{unit}" + (f" ({others})" if others else "")


def failures(timing: Timing) -> str:
    """Name every variant that could not be timed, with the error."""
    return "; ".join(f"{name} ({error})" for name, error in timing.errors.items())
