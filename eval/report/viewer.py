"""The test images of a task beside their translations by each method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from enco.data.folders import output_names
from enco.data.reading import Reading
from eval.report.charts import spread_out
from eval.report.model import ViewerTask
from eval.report.pictures import Pictures

IMAGES = 24
"""Test images that are shown of each task, evenly spaced in the order of their names."""
SIDE = 128
"""Side of the largest picture, in pixels."""


@dataclass(frozen=True, kw_only=True)
class PlannedColumn:
    """The translations of one row: a folder of files named as their inputs."""

    label: str
    method: str
    anchor: str
    folder: Path


@dataclass(frozen=True, kw_only=True)
class PlannedViewer:
    """The test images of a task and the columns beside them; `size` is the side that networks see, in pixels."""

    task: str
    title: str
    sources: Path
    columns: Sequence[PlannedColumn]
    size: int
    reading: Reading


def viewer_task(planned: PlannedViewer, pictures: Pictures) -> ViewerTask:
    """Keep the pictures of a task's images and translations; a column that lacks one of them is left out.

    Raises UserError for an image that does not decode.
    """
    names = output_names(planned.reading.files(planned.sources), planned.sources)
    files = list(names)
    chosen = [files[number] for number in spread_out(len(files), IMAGES)]
    sets = {column: [column.folder / names[file] for file in chosen] for column in planned.columns}
    whole = {column: found for column, found in sets.items() if all(path.exists() for path in found)}
    inputs = {"label": "input", "method": "", "anchor": "", "pictures": _kept(chosen, planned, pictures)}
    translated = [
        {
            **{"label": column.label, "method": column.method, "anchor": column.anchor},
            "pictures": _kept(found, planned, pictures),
        }
        for column, found in whole.items()
    ]
    shown = [names[file].removesuffix(".png") for file in chosen]
    return ViewerTask(planned.task, planned.title, shown, [inputs, *translated], len(files) - len(chosen))


def _kept(files: Sequence[Path], planned: PlannedViewer, pictures: Pictures) -> list[str]:
    return [pictures.add_square(file, planned.size, min(SIDE, planned.size), planned.reading) for file in files]
