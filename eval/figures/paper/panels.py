"""Lay pictures out in a grid whose text, points and boxes are vectors, and write the grid as PDF and PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from enco.errors import encodable
from enco.io.files import atomic_path
from eval.figures.paper.options import Box, ColourMap, Point

Pixels = NDArray[np.uint8]
"""H x W x 3."""
Map = NDArray[np.float64]
"""H x W."""

DPI = 200
SIDE, GAP, HEADER, MARGIN, BAR = 256, 8, 44, 84, 150
"""Pixels of a panel's side, between panels, above the first row, left of the first column, and of a colour bar."""
STYLE: dict[Any, Any] = {"font.size": 7, "pdf.fonttype": 42, "svg.fonttype": "none"}


@dataclass(frozen=True)
class Panel:
    """One picture of a grid; without pixels, the reason in a few words."""

    pixels: Pixels | None
    why: str = ""
    points: tuple[tuple[Point, str], ...] = ()
    """Positions and colours."""
    box: Box | None = None


@dataclass(frozen=True)
class ColourBar:
    """The scale of maps that were coloured."""

    colour_map: ColourMap
    top: float
    label: str


def grid(headers: Sequence[str], rows: Sequence[tuple[str, Sequence[Panel]]], bar: ColourBar | None = None) -> Figure:
    """Lay panels out below headers and beside captions; every panel has the same size, whatever its pixels.

    At the resolution of the PNG a picture of 256, 128 or 64 pixels a side is enlarged by a whole factor.
    """
    width = MARGIN + len(headers) * (SIDE + GAP) + (BAR if bar else 0)
    height = HEADER + len(rows) * (SIDE + GAP) + GAP
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        for number, (caption, panels) in enumerate(rows):
            top = HEADER + number * (SIDE + GAP)
            _text(figure, ((MARGIN / 2) / width, 1 - (top + SIDE / 2) / height), caption, rotation=90)
            for column, panel in enumerate(panels):
                left = MARGIN + column * (SIDE + GAP)
                place = (left / width, 1 - (top + SIDE) / height, SIDE / width, SIDE / height)
                _draw(figure.add_axes(place), panel)
        for column, header in enumerate(headers):
            middle = MARGIN + column * (SIDE + GAP) + SIDE / 2
            _text(figure, (middle / width, 1 - (HEADER / 2) / height), header)
        if bar:
            left, below = width - BAR + 2 * GAP, 1 - (HEADER + SIDE) / height
            _draw_bar(figure, figure.add_axes((left / width, below, 24 / width, SIDE / height)), bar)
    return figure


def coloured(values: Map, colour_map: ColourMap, top: float = 1.0) -> Pixels:
    """Return H x W values from 0 to `top` as colours."""
    return mpl.colormaps[colour_map](Normalize(0, top or 1.0)(values), bytes=True)[..., :3]


def save_figure(figure: Figure, caption: str, files: Mapping[str, Path]) -> None:
    """Write a figure (`pdf`, `png`) and its caption (`txt`), each whole; equal figures make equal files."""
    undated = {"pdf": {"CreationDate": None, "ModDate": None}, "png": {"Software": None}}
    with mpl.rc_context(STYLE):
        for kind, metadata in undated.items():
            with atomic_path(files[kind]) as partial:
                figure.savefig(partial, format=kind, dpi=DPI, metadata=metadata)
    with atomic_path(files["txt"]) as partial:
        partial.write_text(encodable(caption) + "\n", encoding="utf-8")


def _text(figure: Figure, place: tuple[float, float], text: str, rotation: float = 0) -> None:
    """Write a text beside or above a panel, smaller where it would be longer than the panel's side."""
    written = figure.text(*place, encodable(text), ha="center", va="center", rotation=rotation, linespacing=1.1)
    written.set_parse_math(False)
    extent = written.get_window_extent()
    length = extent.height if rotation else extent.width
    if length > SIDE:
        written.set_fontsize(STYLE["font.size"] * SIDE / length)


def _draw(axes: Axes, panel: Panel) -> None:
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(1, 0))
    if panel.pixels is None:
        axes.text(0.5, 0.5, panel.why, ha="center", va="center", color="0.4", wrap=True)
        return
    # Not smoothed: in the PNG by whole factors, in the PDF at its own resolution.
    axes.imshow(panel.pixels, extent=(0, 1, 1, 0), interpolation="none", aspect="auto")
    for (x, y), colour in panel.points:
        axes.plot(x, y, "o", markersize=5, color=colour, markeredgecolor="white", markeredgewidth=0.8)
    if panel.box:
        left, top, width, height = panel.box
        axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor="red", linewidth=1.2))


def _draw_bar(figure: Figure, axes: Axes, bar: ColourBar) -> None:
    mappable = mpl.cm.ScalarMappable(Normalize(0, bar.top or 1.0), mpl.colormaps[bar.colour_map])
    figure.colorbar(mappable, cax=axes, label=bar.label)
