"""Draw Figure 2: how often DAG and uniform sampling looked at each cell of a probe image during two trainings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from matplotlib.figure import Figure

from enco.data.folders import printable
from enco.errors import UserError
from enco.training.probe import FOLDER, Draw, read_draws
from eval.figures.paper.choose import sources_by_translation
from eval.figures.paper.comparison import image_panel
from eval.figures.paper.networks import train_anew
from eval.figures.paper.options import Box, FrequencyOptions
from eval.figures.paper.panels import ColourBar, Map, Panel, coloured, grid
from eval.figures.paper.planned import PlannedPaperFigure, PlannedRun, PlannedTask

BOX = 0.25
"""Side of the busiest box, as a share of the image's."""


def draw_frequency(planned: PlannedPaperFigure, options: FrequencyOptions) -> tuple[Figure, list[str]]:
    """Return the figure, and sentences on the probe image and the draws that are not there."""
    (task,) = planned.tasks
    draws = {run.variant: read_draws(run.folder / FOLDER) for run in task.runs}
    image = _probe_image(draws, task)
    maps = {
        variant: frequency(found, options, least_real=options.positions == "least_real" and variant == options.dag)
        for variant, found in draws.items()
        if found
    }
    top = max((float(one.max()) for one in maps.values()), default=0.0)
    box = busiest(maps[options.dag]) if options.box == "busiest" and options.dag in maps else options.box
    names = {options.dag: "DAG", options.uniform: "uniform"}
    drawn = [Panel(coloured(maps[v], options.colour_map, top)) if v in maps else Panel(None, "no probe") for v in names]
    translations = [_translation(task, task.run(variant), image, box) for variant in names]
    headers = ["Input", *(f"{name}:\n{what}" for what in ("positions", "translation") for name in names.values())]
    source = Panel(None, "no image") if image is None else image_panel(task, _source(task, image))
    bar = ColourBar(options.colour_map, top, "share of draws") if maps else None
    said = [] if box != "busiest" else [f"No box: no positions of {options.dag} say where the busiest is."]
    return grid(headers, [("", [source, *drawn, *translations])], bar), [*_said(task, draws, image), *said]


def frequency(draws: Sequence[Draw], options: FrequencyOptions, *, least_real: bool = False) -> Map:
    """Return in which share of the draws each cell of a pair's map was drawn, H x W, blurred as options say.

    With `least_real`, only the positions that look least real count. Raises UserError for a pair that there is not.
    """
    from scipy.ndimage import gaussian_filter

    pairs = list(draws[0].sizes)
    if not -len(pairs) <= options.pair < len(pairs):
        raise UserError(f"There is no pair {options.pair} of {len(pairs)}: set 'pair' from 0 to {len(pairs) - 1}.")
    pair = pairs[options.pair]
    height, width = draws[0].sizes[pair]
    counts = np.zeros(height * width)
    for draw in draws:
        drawn = draw.positions[pair]
        counts[drawn[: draw.least_real[pair]] if least_real else drawn] += 1
    shares = (counts / len(draws)).reshape(height, width)
    return gaussian_filter(shares, options.blur * width, mode="nearest") if options.blur else shares


def busiest(values: Map) -> Box:
    """Return the box of a quarter of the side whose values have the greatest sum, the first of equal ones."""
    height, width = values.shape
    rows, columns = (max(1, round(BOX * side)) for side in (height, width))
    windows = np.lib.stride_tricks.sliding_window_view(values, (rows, columns)).sum(axis=(2, 3))
    top, left = (int(place) for place in np.unravel_index(windows.argmax(), windows.shape))
    return (left / width, top / height, columns / width, rows / height)


def _probe_image(draws: dict[str, list[Draw]], task: PlannedTask) -> str | None:
    """Return the name of the probe image's translation: that of the first run with draws, else the first image's."""
    names = {str(PurePosixPath(draw.image).with_suffix(".png")) for found in draws.values() for draw in found}
    if len(names) > 1:
        raise UserError(f"The runs of Figure 2 probed several images ({', '.join(sorted(names))}): train with one.")
    return next(iter(names), next(iter(sources_by_translation(task)), None))


def _source(task: PlannedTask, image: str) -> Path:
    """Return the test image of a translation; UserError where there is none of that name."""
    sources = sources_by_translation(task)
    if image not in sources:
        raise UserError(
            f"{task.sources} has no image of {printable(image)}, which the runs of Figure 2 probed: put it back, or"
            f" remove {' and '.join(str(run.folder) for run in task.runs)} and call again."
        )
    return sources[image]


def _translation(task: PlannedTask, run: PlannedRun | None, image: str | None, box: Box | str) -> Panel:
    if run is None or image is None:
        return Panel(None, "no run")
    return replace(image_panel(task, run.translated / image), box=None if isinstance(box, str) else box)


def _said(task: PlannedTask, draws: dict[str, list[Draw]], image: str | None) -> list[str]:
    epochs = {
        run.label: f"epochs {found[0].epoch} to {found[-1].epoch}, {len(found)} draws"
        for run in task.runs
        if (found := draws[run.variant])
    }
    without = [
        f"No positions of {run.label}: {run.folder} was trained without a probe, and positions cannot be found again:"
        f" set train.probe_epochs, {train_anew(run)}."
        for run in task.runs
        if not draws[run.variant]
    ]
    probed = (
        [f"Probe image: {printable(image or '')}; {'; '.join(f'{k}: {v}' for k, v in epochs.items())}."]
        if epochs
        else []
    )
    return [*probed, *without]
