"""Distances over training: those of every saved generator of a run, as lines of a CSV file and as a figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from enco.io.files import atomic_path, read_json
from eval.figures.planned import PlannedCurve

COLUMNS = ["task", "row", "label", "seed", "iteration", "metric", "value"]
COLOURS = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377"]


def read_curves(task: str, planned: Iterable[PlannedCurve]) -> pd.DataFrame:
    """Return a line for each saved generator of each run: its iteration and its distance to the paired real set."""
    lines = [
        {"task": task, "row": one.row, "label": one.label, "seed": one.seed, **point}
        for one in planned
        for point in _points(read_json(one.report))
    ]
    curves = pd.DataFrame(lines, columns=COLUMNS)
    return curves.drop_duplicates(["row", "seed", "iteration"], keep="last", ignore_index=True)  # last: the final one


def _points(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for candidate in report["candidates"]:
        about = {"iteration": candidate["iteration"], "metric": report["distance"]}
        yield {**about, "value": candidate["frechet_distance"]}


def save_curves(curves: pd.DataFrame, path: Path) -> None:
    """Write curves as CSV, in full precision."""
    with atomic_path(path) as partial:
        curves.to_csv(partial, index=False, lineterminator="\n")


def draw_curves(curves: pd.DataFrame, reference: float | None, path: Path) -> None:
    """Write an SVG of one task's curves: a colour for each row, a line for each seed, and the reference as a level.

    Equal numbers make equal files.
    """
    with mpl.rc_context({"svg.hashsalt": "curves", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(5.5, 3.2), layout="constrained")
        panel = figure.subplots()
        for colour, (_, lines) in zip(cycle(COLOURS), curves.groupby("row", sort=False), strict=False):
            for number, (_, line) in enumerate(lines.groupby("seed")):
                name = str(line["label"].iloc[0]) if number == 0 else None
                panel.plot(line["iteration"], line["value"], ".-", color=colour, linewidth=1, label=name)
        if reference is not None:
            panel.axhline(reference, color="#777777", linestyle="--", linewidth=1, label="untranslated inputs")
        panel.set(xlabel="iteration", ylabel=curves["metric"].iloc[0])
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False)
        with atomic_path(path) as partial:
            figure.savefig(partial, format="svg", metadata={"Date": None})
