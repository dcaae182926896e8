"""The figure of a task: the same test images, translated by every row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from enco.config.run import Levels
from enco.data.folders import load_rgb, stem_in
from eval.figures.examples import choose_examples
from eval.figures.planned import PlannedFigure
from eval.metrics.features import load_features

GAP, CAPTION, MARGIN, FONT_SIZE = 4, 24, 64, 14
SMALLEST_PANEL = 128


def comparison(
    headers: Sequence[str], rows: Sequence[tuple[str, Sequence[Path]]], size: int, levels: Levels = "16bit"
) -> Image.Image:
    """Lay images out in a grid with a header over each column and a caption at the left of each row.

    `rows` holds (caption, one image file for each header). Each image is shown at the one resolution of `size` x `size`
    pixels, that of a network's test images: one of another size, an input or a real image, is resized (bicubic). Where
    panels would be small, all are enlarged by the same whole factor, without smoothing.
    """
    zoom = -(-SMALLEST_PANEL // size)
    side = zoom * size
    step = side + GAP
    picture = Image.new("RGB", (MARGIN + len(headers) * step, CAPTION + len(rows) * step), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(FONT_SIZE)
    for column, header in enumerate(headers):
        draw.text((MARGIN + column * step + side // 2, CAPTION // 2), header, fill="black", font=font, anchor="mm")
    for number, (caption, files) in enumerate(rows):
        top = CAPTION + number * step
        draw.text((GAP, top + side // 2), caption, fill="black", font=font, anchor="lm")
        for column, file in enumerate(files):
            panel = at_size(file, size, levels).resize((side, side), Image.Resampling.NEAREST)
            picture.paste(panel, (MARGIN + column * step, top))
    return picture


def at_size(file: Path, size: int, levels: Levels) -> Image.Image:
    """Read an image at the one resolution of a comparison, `size` x `size` pixels; UserError for an unreadable one."""
    return load_rgb(file, levels).resize((size, size), Image.Resampling.BICUBIC)


def shown_images(planned: PlannedFigure) -> list[tuple[str, list[Path]]]:
    """Return the images of a task's figure: its best, median and worst test image, each with a caption and its row.

    A row has the input, each method's translation, and the nearest real target.
    Raises UserError for features that are missing or do not compare.
    """
    examples = choose_examples(load_features(planned.judge_features), load_features(planned.real_features))
    sources = {f"{stem_in(planned.sources, path)}.png": path for path in planned.reading.files(planned.sources)}
    return [
        (
            example.place,
            [
                sources[example.translation],
                *(folder / example.translation for folder in planned.translated),
                planned.targets / example.nearest,
            ],
        )
        for example in examples
    ]


def task_figure(planned: PlannedFigure) -> Image.Image:
    """Draw the images of `shown_images` in a grid, and raise the same errors."""
    headers = ["input", *planned.headers, "nearest real"]
    return comparison(headers, shown_images(planned), planned.size, planned.reading.levels)
