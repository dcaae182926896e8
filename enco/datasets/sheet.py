"""Contact sheets: a few images of every set of every data folder, with captions."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from enco.data.folders import SETS
from enco.data.reading import DEFAULT_READING, Reading
from enco.errors import UserError

GAP, CAPTION = 4, 20


def contact_sheet(
    roots: list[Path], per_set: int = 5, tile: int = 128, reading: Reading = DEFAULT_READING
) -> Image.Image:
    """Draw every data folder as two rows, training above test, domain A on the left and B on the right.

    `tile` is the side of an image on the sheet in pixels; smaller images are enlarged without smoothing.
    Raises UserError for a missing or empty set.
    """
    block_width, block_height = per_set * (tile + GAP) + 3 * GAP, tile + CAPTION + GAP
    sheet = Image.new("RGB", (2 * block_width, 2 * len(roots) * block_height), "white")
    for number, root in enumerate(roots):
        for position, name in enumerate(SETS):
            corner = (position % 2 * block_width + GAP, (2 * number + position // 2) * block_height)
            sheet.paste(_block(root / name, per_set, tile, reading), corner)
    return sheet


def data_folders(place: Path) -> list[Path]:
    """Return a data folder itself, or the data folders directly inside a folder; UserError if there is none."""
    if (place / SETS[0]).is_dir():
        return [place]
    folders = sorted(path.parent for path in place.glob(f"*/{SETS[0]}"))
    if not folders:
        raise UserError(f"{place} holds no {SETS[0]} folder, nor does a folder in it: give a data folder.")
    return folders


def _as_tile(image: Image.Image, side: int) -> Image.Image:
    """Resize an image to side x side pixels; a smaller one is enlarged without smoothing."""
    enlarge = max(image.size) < side
    return image.resize((side, side), Image.Resampling.NEAREST if enlarge else Image.Resampling.BICUBIC)


def _block(folder: Path, count: int, tile: int, reading: Reading) -> Image.Image:
    files = reading.files(folder)
    block = Image.new("RGB", (count * (tile + GAP), tile + CAPTION), "white")
    caption = f"{folder.parent.name} / {folder.name}  ({len(files)} images)"
    ImageDraw.Draw(block).text((1, 2), caption, fill="black", font=ImageFont.load_default(14))
    shown = files if len(files) <= count else [files[number * len(files) // count] for number in range(count)]
    for number, path in enumerate(shown):
        block.paste(_as_tile(reading.load(path), tile), (number * (tile + GAP), CAPTION))
    return block
