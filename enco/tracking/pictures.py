"""Put a run's sample grids and a sheet of its translations into MLflow's image grid, labelled, each once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from enco.config.run import RunConfig
from enco.data.folders import load_rgb, output_names
from enco.data.reading import Reading
from enco.errors import UserError
from enco.io.files import read_json
from enco.methods import parse_options
from enco.tracking.artifacts import Artifacts
from enco.tracking.mlflow_run import chunks
from enco.tracking.scores import is_since

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from enco.tracking.run_reader import RunFiles

THUMBNAIL = (384, 384)
"""Sides of the small copy, which the grid shows: several runs fit beside each other."""
HAS_IMAGES = "mlflow.loggedImages"
"""The tag by which MLflow's pages know that a run has pictures to show."""
ROWS = ("input", "translated", "target", "back")
"""What the rows of a sample grid show, top down; one-sided methods have the first two."""
SHOWN, COLUMNS = 8, 4
"""Translations on a sheet, and in a row of it."""
SMALLEST_TILE, MARGIN, FONT_SIZE = 128, 80, 14


@dataclass(frozen=True)
class Logged:
    """A picture by its key and step, as MLflow's image grid shows it, and the images it is drawn of."""

    key: str
    step: int
    rows: Sequence[tuple[str, Sequence[Image.Image]]]
    """A label and images of one size, for each row."""


def add_images(client: MlflowClient, run: Run, files: RunFiles, home: Path | None) -> None:
    """Log the pictures that a run lacks as `log_image(key=, step=)` does, but under names that a second try repeats."""
    artifacts = Artifacts.of_run(client, run, home)
    there = _logged(artifacts.names("images"))
    for picture in _pictures(files, there):
        if HAS_IMAGES not in run.data.tags:
            client.set_tag(run.info.run_id, HAS_IMAGES, True)
        name = f"images/{picture.key}+step+{picture.step}+timestamp+{run.info.start_time}+{run.info.run_id}"
        drawn = draw(picture.rows)
        artifacts.put_picture(drawn, f"{name}.png")
        drawn.thumbnail(THUMBNAIL)
        artifacts.put_picture(drawn, f"{name}+compressed.webp")


def draw(rows: Sequence[tuple[str, Sequence[Image.Image]]]) -> Image.Image:
    """Lay rows of images of one size out with a label at the left of each; small images are enlarged unsmoothed."""
    width, height = rows[0][1][0].size
    zoom = -(-SMALLEST_TILE // min(width, height))
    columns = max(len(images) for _, images in rows)
    picture = Image.new("RGB", (MARGIN + columns * zoom * width, len(rows) * zoom * height), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(FONT_SIZE)
    for number, (label, images) in enumerate(rows):
        top = number * zoom * height
        pen.text((4, top + zoom * height // 2), label, fill="black", font=font, anchor="lm")
        for column, image in enumerate(images):
            enlarged = image.resize((zoom * width, zoom * height), Image.Resampling.NEAREST)
            picture.paste(enlarged, (MARGIN + column * zoom * width, top))
    return picture


def _logged(names: Iterable[str]) -> set[tuple[str, int]]:
    """Return key and step of each picture whose small copy, which is logged last, is there."""
    pattern = re.compile(r"images/(.+?)[+%]step[+%](\d+)[+%].*compressed")
    return {(found[1], int(found[2])) for name in names if (found := pattern.match(name))}


def _pictures(files: RunFiles, there: set[tuple[str, int]]) -> Iterator[Logged]:
    """Yield the pictures of a run folder that are not there, drawn one by one."""
    for step, path in files.samples.items():
        if ("samples", step) not in there:
            yield Logged("samples", step, _sample_rows(files, path))
    translated = (path for path in files.folder.glob("translated/*.*") if path.is_dir())
    for folder in sorted(path for path in translated if is_since(path, files.ended)):
        test_task, _, selection = folder.name.rpartition(".")
        key, step = _sheet_key(files, test_task, selection), _iteration(files, test_task, selection)
        if (key, step) not in there and (rows := _sheet_rows(files.record.config, test_task, folder)):
            yield Logged(key, step, rows)


def _sample_rows(files: RunFiles, path: Path) -> list[tuple[str, list[Image.Image]]]:
    """Cut a sample grid into its rows; without a label where the method is gone, which knows the side of images."""
    with Image.open(path) as opened:
        grid = opened.convert("RGB")
    try:
        side = parse_options(files.record.config.method, files.record.config.options).test_side
    except UserError:
        return [("", [grid])]
    rows = [grid.crop((0, top, grid.width, top + side)) for top in range(0, grid.height, side)]
    source, target = _sides(files.record.config)
    first = ROWS.index("target") if target.is_dir() and not source.is_dir() else 0
    return [(label, [row]) for label, row in zip(ROWS[first:], rows, strict=False)]


def _sheet_key(files: RunFiles, test_task: str, selection: str) -> str:
    other = [] if test_task == files.record.config.task else [test_task]
    return " ".join(["translated", *other, *([] if selection == "final" else [selection])])


def _iteration(files: RunFiles, test_task: str, selection: str) -> int:
    """Return the training iteration of the generator that translated."""
    report = files.folder / "selected" / f"{test_task}.json"
    found = read_json(report if selection == "best" and is_since(report, files.ended) else files.folder / "state.json")
    return int(found["iteration"])


def _sheet_rows(config: RunConfig, test_task: str, folder: Path) -> list[tuple[str, list[Image.Image]]]:
    """Return some translations of a folder, evenly chosen, below their inputs where these are still there."""
    files = sorted(folder.rglob("*.png"))
    shown = files if len(files) <= SHOWN else [files[number * len(files) // SHOWN] for number in range(SHOWN)]
    if not shown:
        return []
    translated = [load_rgb(file) for file in shown]
    names = [file.relative_to(folder).as_posix() for file in shown]
    inputs = _inputs(_sides(config)[test_task != config.task], Reading.of_config(config.data), names)
    resized = [image.resize(translated[0].size, Image.Resampling.BICUBIC) for image in inputs]
    rows = zip(chunks(resized, COLUMNS), chunks(translated, COLUMNS), strict=True) if resized else ()
    pairs = [row for above, below in rows for row in ((ROWS[0], above), (ROWS[1], below))]
    return pairs or [(ROWS[1], row) for row in chunks(translated, COLUMNS)]


def _inputs(folder: Path, reading: Reading, names: Sequence[str]) -> list[Image.Image]:
    """Read the test images whose translations have these names; none where one of them is gone."""
    found = output_names(reading.files(folder), folder) if folder.is_dir() else {}
    files = {name: file for file, name in found.items()}
    return [reading.load(files[name]) for name in names] if files.keys() >= set(names) else []


def _sides(config: RunConfig) -> tuple[Path, Path]:
    """Return the folders of test images of the source and of the target domain."""
    names = ("testA", "testB") if config.data.direction == "AtoB" else ("testB", "testA")
    return config.data.root / names[0], config.data.root / names[1]
