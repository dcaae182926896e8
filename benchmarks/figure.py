"""The figure of docs/performance.md: an iteration's seconds as multiples of CUT's, here and in the paper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from enco.io.files import atomic_path

Ratios = Mapping[str, Mapping[str, float | None]]
COLOURS = {"plain": "#4477aa", "fast": "#66ccee"}
HEIGHT = 0.38
"""Height of a bar, in rows."""


def draw(devices: Mapping[str, Ratios], path: Path) -> None:
    """Write an SVG with a panel for each device: bars for the modes and a mark for the paper's ratio, by method.

    Devices on which fewer methods were measured are left out. Equal numbers make equal files.
    """
    with mpl.rc_context({"svg.hashsalt": "speed", "svg.fonttype": "none", "font.size": 9}):
        most = max(len(ratios) for ratios in devices.values())
        devices = {device: ratios for device, ratios in devices.items() if len(ratios) == most}
        figure = Figure(figsize=(5.5 * len(devices), 1 + 0.36 * most), layout="constrained")
        panels = figure.subplots(1, len(devices), squeeze=False)[0]
        for panel, (device, ratios) in zip(panels, devices.items(), strict=True):
            _panel(panel, device, ratios)
        with atomic_path(path) as partial:
            figure.savefig(partial, format="svg", metadata={"Date": None})


def _panel(panel: mpl.axes.Axes, device: str, ratios: Ratios) -> None:
    rows = range(len(ratios))
    for shift, mode in ((-HEIGHT / 2, "plain"), (HEIGHT / 2, "fast")):
        lengths = [kinds[mode] or 0 for kinds in ratios.values()]
        if any(lengths):  # else the legend would name bars that nobody sees
            panel.barh([row + shift for row in rows], lengths, HEIGHT, color=COLOURS[mode], label=mode)
    marks = [kinds["published"] if kinds["published"] else float("nan") for kinds in ratios.values()]
    panel.plot(marks, list(rows), "|", color="black", markersize=14, markeredgewidth=2, label="paper")
    panel.set(yticks=list(rows), yticklabels=list(ratios), xlabel="seconds per iteration, CUT plain = 1", title=device)
    panel.invert_yaxis()
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False)
