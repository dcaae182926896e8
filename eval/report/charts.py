"""Losses over training as small line charts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eval.report.model import Chart

WIDTH, HEIGHT = 160, 40
POINTS = 100


def loss_charts(lines: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Return a chart for each loss of the lines of a metrics.jsonl, of at most POINTS of them."""
    shown = [lines[number] for number in spread_out(len(lines), POINTS)]
    names = dict.fromkeys(name for line in shown for name in line["losses"])
    return [chart for name in names if (chart := _chart(name, list(_values(shown, name))))]


def spread_out(count: int, wanted: int) -> list[int]:
    """Return at most `wanted` numbers below `count`, evenly spaced, the first and the last among them."""
    if count <= wanted:
        return list(range(count))
    return sorted({round(step * (count - 1) / (wanted - 1)) for step in range(wanted)}) if wanted > 1 else [count - 1]


def _values(lines: Sequence[Mapping[str, Any]], name: str) -> Iterator[tuple[int, float]]:
    for line in lines:
        value = line["losses"].get(name)
        if isinstance(value, int | float) and math.isfinite(value):
            yield line["iteration"], float(value)


def _chart(name: str, values: Sequence[tuple[int, float]]) -> Chart | None:
    if not values:
        return None
    steps, numbers = zip(*values, strict=True)
    x, y = _scale(min(steps), max(steps), WIDTH), _scale(min(numbers), max(numbers), HEIGHT)
    points = " ".join(
        f"{x * (step - min(steps)):.1f},{HEIGHT - y * (value - min(numbers)):.1f}" for step, value in values
    )
    return Chart(name, points, f"{numbers[0]:.3g}", f"{numbers[-1]:.3g}", steps[-1])


def _scale(low: float, high: float, size: int) -> float:
    return size / (high - low) if high > low else 0.0
