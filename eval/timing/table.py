"""What `python -m eval.timing` prints: the measured speeds beside the paper's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tabulate import tabulate

BASELINE = "enco"
QUIET = 0.15
"""Largest interquartile range of steps, as a share of the median, on a machine that is not busy with other work."""
HEADERS = (
    *("variant", "sec/iter", f"x {BASELINE}", "paper", f"paper x {BASELINE}"),
    *("first half", "IQR", "second half", "IQR", "images"),
)


def timing_table(timing: Mapping[str, Any], published: Mapping[str, float]) -> str:
    """The measured variants, fastest first: seconds per image, the ratio to EnCo, and both as published.

    The halves and their interquartile ranges are seconds per step, which translates as many `images` of each domain.
    """
    measured = timing["measured"]
    speeds = {name: entry["sec_per_iter"] for name, entry in measured.items()}
    rows = [
        (
            name,
            *(speeds[name], ratio(speeds, name), published.get(name), ratio(published, name)),
            *(measured[name][half][key] for half in ("first_half", "second_half") for key in ("median", "iqr")),
            measured[name]["images_per_iteration"],
        )
        for name in sorted(speeds, key=lambda name: speeds[name])
    ]
    digits = ("", ".4f", ".2f", "g", ".2f", *[".4f"] * 4, "g")
    return tabulate(rows, headers=HEADERS, floatfmt=digits, missingval="-")


def ratio(speeds: Mapping[str, float], name: str) -> float | None:
    """A variant's seconds as a multiple of the baseline's, where both are known."""
    return speeds[name] / speeds[BASELINE] if name in speeds and BASELINE in speeds else None


def notes(timing: Mapping[str, Any]) -> Iterator[str]:
    """Say where the timing was measured, and which variants had other options, a busy machine, or no timing at all."""
    yield f"{timing['device']}, {timing['precision']}, {sizes(timing)}, seconds per image"
    yield from timing["compute"]
    for name, options in timing["options"].items():
        if options:
            yield f"{name}: with {', '.join(f'{key}={value}' for key, value in options.items())}, else its defaults"
    spreads = {name: entry["spread"] for name, entry in timing["measured"].items() if entry["busy"]}
    if spreads:
        named = ", ".join(f"{name} ({spread:.0%})" for name, spread in spreads.items())
        yield (
            f"Measured on a busy machine, as the interquartile range is over {QUIET:.0%} of the median: {named}; "
            "measure again with nothing else running, or with more --iterations."
        )
    if timing["errors"]:
        yield f"Not timed: {failures(timing)}"


def sizes(timing: Mapping[str, Any], variants: Collection[str] = ()) -> str:
    """'256 × 256 pixels (drit 216 × 216), batch 1 (drit 2)': what all of these variants, or else all, were fed."""
    measured = {name: entry for name, entry in timing["measured"].items() if not variants or name in variants}
    sides = {name: f"{entry['size']} × {entry['size']}" for name, entry in measured.items()}
    batches = {name: str(entry["batch_size"]) for name, entry in measured.items()}
    return f"{_with_exceptions(sides, ' pixels')}, batch {_with_exceptions(batches)}"


def _with_exceptions(values: Mapping[str, str], unit: str = "") -> str:
    """The commonest value, and in brackets what has another one."""
    usual = max(Counter(values.values()).items(), key=lambda item: item[1], default=("nothing", 0))[0]
    others = ", ".join(f"{name} {value}" for name, value in values.items() if value != usual)
    return f"{usual}{unit}" + (f" ({others})" if others else "")


def failures(timing: Mapping[str, Any]) -> str:
    """Every variant that could not be timed, with its error."""
    return "; ".join(f"{name} ({error})" for name, error in timing["errors"].items())
