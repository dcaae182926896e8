"""Metrics over training: those of every saved generator of a run, as lines of a CSV file and as a figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from enco.io.files import atomic_path
from eval.figures.planned import PlannedCurve
from eval.records import CandidateMetrics, read_selection

COLUMNS = ["task", "row", "label", "seed", "iteration", "metric", "value"]
COLOURS = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377"]
NAMES = {"kid": "KID", "content_cosine": "content_cosine", "content_l2": "content_l2"}
"""The metrics of a selection report by their names in cells.csv; that of the Fréchet distance is in the report."""
PANELS_BESIDE = 2


def read_curves(task: str, planned: Iterable[PlannedCurve]) -> pd.DataFrame:
    """Return a line for each metric of each saved generator of each run, with the generator's iteration.

    Raises UserError for a report that is missing or that another version wrote.
    """
    lines = [
        {"task": task, "row": one.row, "label": one.label, "seed": one.seed, **point}
        for one in planned
        for point in _points(one.report)
    ]
    curves = pd.DataFrame(lines, columns=COLUMNS)
    same = ["row", "seed", "iteration", "metric"]
    return curves.drop_duplicates(same, keep="last", ignore_index=True)  # last: the final generator


def _points(path: Path) -> Iterator[dict[str, Any]]:
    report = read_selection(path)
    for candidate in report.candidates:
        for metric, value in _printed(candidate, report.distance).items():
            yield {"iteration": candidate.iteration, "metric": metric, "value": value}


def read_levels(planned: Iterable[PlannedCurve]) -> dict[str, float]:
    """Return the metrics of a task's untranslated inputs, which every report of the task has; none without a report."""
    reports = (read_selection(one.report) for one in planned)
    return next((_printed(report.untranslated, report.distance) for report in reports), {})


def _printed(metrics: CandidateMetrics, distance: str) -> dict[str, float]:
    """Return metrics by their names in cells.csv."""
    return {distance: metrics.frechet_distance, **{NAMES[field]: getattr(metrics, field) for field in NAMES}}


def save_curves(curves: pd.DataFrame, path: Path) -> None:
    """Write curves as CSV, in full precision."""
    with atomic_path(path) as partial:
        curves.to_csv(partial, index=False, lineterminator="\n")


def draw_curves(curves: pd.DataFrame, levels: Mapping[str, float], path: Path) -> None:
    """Write an SVG of one task's curves: a panel for each metric, a colour for each row, a line for each seed.

    The level of a metric, that of the untranslated inputs, is dashed. Equal numbers make equal files.
    """
    with mpl.rc_context({"svg.hashsalt": "curves", "svg.fonttype": "none", "font.size": 9}):
        names = list(dict.fromkeys(curves["metric"]))
        lines = -(-len(names) // PANELS_BESIDE)
        figure = Figure(figsize=(3.6 * PANELS_BESIDE, 2.4 * lines + 0.4), layout="constrained")
        panels = figure.subplots(lines, PANELS_BESIDE, sharex=True, squeeze=False)
        for name, panel in zip(names, panels.flat, strict=False):
            _draw_metric(panel, curves[curves["metric"] == name], levels.get(name))
            panel.set(title=name.replace("_", " "))
        for panel in panels[-1]:
            panel.set(xlabel="iteration")
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
        with atomic_path(path) as partial:
            figure.savefig(partial, format="svg", metadata={"Date": None})


def _draw_metric(panel: Axes, curves: pd.DataFrame, level: float | None) -> None:
    for colour, (_, lines) in zip(cycle(COLOURS), curves.groupby("row", sort=False), strict=False):
        for number, (_, line) in enumerate(lines.groupby("seed")):
            name = str(line["label"].iloc[0]) if number == 0 else None
            panel.plot(line["iteration"], line["value"], ".-", color=colour, linewidth=1, label=name)
    if level is not None:
        panel.axhline(level, color="#777777", linestyle="--", linewidth=1, label="untranslated inputs")
    panel.spines[["top", "right"]].set_visible(False)
