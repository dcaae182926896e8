"""Draw Figures 5, 8, 9 and 10: test images and their translations by several methods, failures among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from enco.data.folders import printable
from eval.figures.comparison import at_size
from eval.figures.paper.choose import Chosen, choose_images
from eval.figures.paper.options import ComparisonOptions
from eval.figures.paper.panels import Panel, grid
from eval.figures.paper.planned import PlannedPaperFigure, PlannedTask


def draw_comparison(planned: PlannedPaperFigure, options: ComparisonOptions) -> tuple[Figure, list[str]]:
    """Return the figure, and sentences on the images that it shows."""
    variants = [variant for variant in options.variants if any(task.run(variant) for task in planned.tasks)]
    labels = {run.variant: run.label for task in planned.tasks for run in task.runs}
    rows, said = [], []
    for task in planned.tasks:
        chosen = choose_images(task, options.images, planned.score)
        caption = "{place}" if len(planned.tasks) == 1 else f"{task.task}\n{{place}}"
        rows += [(caption.format(place=printable(one.place)), _row(task, one, variants)) for one in chosen]
        said.append(shown(task, chosen))
    return grid(["Input", *(labels[variant] for variant in variants)], rows), said


def shown_files(planned: PlannedPaperFigure, options: ComparisonOptions) -> list[Path]:
    """Return the image files that a comparison shows; errors as of `choose_images`."""
    return [
        file
        for task in planned.tasks
        for one in choose_images(task, options.images, planned.score)
        for file in (one.source, *(run.translated / one.translation for run in task.runs))
    ]


def shown(task: PlannedTask, chosen: list[Chosen]) -> str:
    """Say which test images of a task are shown."""
    named = [printable(f"{one.name} ({one.place})" if one.place != one.name else one.name) for one in chosen]
    return f"Images of {task.task}: {', '.join(named)}."


def image_panel(task: PlannedTask, file: Path) -> Panel:
    """Show an image at the resolution of a task's translations; UserError for an unreadable one."""
    return Panel(np.asarray(at_size(file, task.size, task.reading.levels)))


def _row(task: PlannedTask, chosen: Chosen, variants: list[str]) -> list[Panel]:
    runs = [task.run(variant) for variant in variants]
    translations = [
        image_panel(task, run.translated / chosen.translation) if run else Panel(None, "no run") for run in runs
    ]
    return [image_panel(task, chosen.source), *translations]
