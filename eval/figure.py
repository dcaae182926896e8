"""The figure of a table: the same test images, translated by every row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from enco.data.folders import load_rgb
from enco.data.sheet import as_tile

GAP, CAPTION, MARGIN, FONT_SIZE = 4, 24, 128, 14


def comparison(headers: Sequence[str], rows: Sequence[tuple[str, Sequence[Path]]], side: int = 128) -> Image.Image:
    """A grid of images with a header over each column and a caption at the left of each row.

    `rows` holds (caption, one image file for each header); `side` is the side of a tile in pixels.
    """
    step = side + GAP
    picture = Image.new("RGB", (MARGIN + len(headers) * step, CAPTION + len(rows) * step), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(FONT_SIZE)
    for column, header in enumerate(headers):
        draw.text((MARGIN + column * step + side // 2, CAPTION // 2), header, fill="black", font=font, anchor="mm")
    for number, (caption, files) in enumerate(rows):
        top = CAPTION + number * step
        draw.text((GAP, top + side // 2), caption, fill="black", font=font, anchor="lm")
        for column, file in enumerate(files):
            picture.paste(as_tile(load_rgb(file), side), (MARGIN + column * step, top))
    return picture


def spread(count: int, of: int) -> list[int]:
    """`count` indices spread evenly over `of` things; fewer if there are not as many."""
    return [index * of // count for index in range(count)] if of > count else list(range(of))
