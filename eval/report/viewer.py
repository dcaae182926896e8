"""The test images of a task beside their translations by each method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from enco.data.folders import output_names, printable
from enco.data.reading import Reading
from enco.errors import UserError
from eval.report.charts import spread_out
from eval.report.missing import Missing
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


def viewer_task(planned: PlannedViewer, pictures: Pictures, missing: Missing) -> ViewerTask:
    """Keep the pictures of a task's images and translations.

    A column that lacks one of them, or has one that does not decode, is left out and said in `missing`. Raises
    UserError for a test image that does not decode.
    """
    names = output_names(planned.reading.files(planned.sources), planned.sources)
    files = list(names)
    chosen = [files[number] for number in spread_out(len(files), IMAGES)]
    columns = [{"label": "input", "method": "", "anchor": "", "pictures": _kept(chosen, planned, pictures)}]
    for column in planned.columns:
        translated = [column.folder / names[file] for file in chosen]
        part = f"images of {column.label}, {planned.title}"
        if kept := missing.attempt(part, partial(_translated, translated, planned, pictures)):
            about = {"label": column.label, "method": column.method, "anchor": column.anchor}
            columns.append({**about, "pictures": kept})
    shown = [printable(names[file].removesuffix(".png")) for file in chosen]
    return ViewerTask(planned.task, planned.title, shown, columns, len(files) - len(chosen))


def _translated(files: Sequence[Path], planned: PlannedViewer, pictures: Pictures) -> list[str]:
    if absent := [file.name for file in files if not file.exists()]:
        raise UserError(f"{len(absent)} of {len(files)} translations are not there, such as {printable(absent[0])}")
    return _kept(files, planned, pictures)


def _kept(files: Sequence[Path], planned: PlannedViewer, pictures: Pictures) -> list[str]:
    return [pictures.add_square(file, planned.size, min(SIDE, planned.size), planned.reading) for file in files]
