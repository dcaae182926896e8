"""Image files in folders: listing, decoding, checking. Free of torch, so that data commands start fast."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from enco.errors import UserError
from enco.files import StrPath

S = TypeVar("S")
T = TypeVar("T")

SETS = ("trainA", "trainB", "testA", "testB")
LABEL_SETS = ("trainA_labels", "testA_labels")
TRAIN_IDS = (*range(19), 255)
"""What a label map may hold: the trainIds of Cityscapes' 19 classes, and 255 for what is ignored."""
THREADS, AHEAD = 4, 2
"""How many images are decoded at a time (Pillow does it without Python's lock), and how many batches ahead."""
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})


def present_sets(root: Path) -> list[str]:
    """Names of a data folder's sets: the four that it must have, and the label sets that it does have."""
    return [*SETS, *(name for name in LABEL_SETS if (root / name).is_dir())]


def list_images(folder: StrPath) -> list[Path]:
    """Image files of a folder, sorted by name; hidden files and other suffixes are skipped.

    Raises UserError if the folder is missing or has no image.
    """
    folder = Path(folder)
    place = printable(str(folder))
    if not folder.is_dir():
        raise UserError(f"The image folder {place} does not exist: create it or correct the data root.")
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if not files:
        raise UserError(f"The image folder {place} holds no image: put files of type {_types()} there.")
    return files


def load_rgb(path: StrPath) -> Image.Image:
    """Decode an image file as 8-bit RGB; UserError names a file that cannot be decoded in full."""
    return to_rgb(decode_image(Path(path), str(path)), str(path))


def load_labels(path: Path) -> NDArray[np.uint8]:
    """Decode a label map as H x W trainIds; UserError unless it is a whole 8-bit single-channel image of them."""
    image, name = decode_image(path, str(path)), printable(str(path))
    if image.mode not in ("L", "P"):
        raise UserError(f"The label map {name} has mode {image.mode}: store class ids as an 8-bit greyscale PNG.")
    unknown = {level for level, count in enumerate(image.histogram()) if count}.difference(TRAIN_IDS)
    if unknown:
        raise UserError(
            f"The label map {name} holds {min(unknown)}, which is no trainId: store classes as 0..{TRAIN_IDS[-2]} and"
            f" {TRAIN_IDS[-1]} for what is ignored."
        )
    return np.asarray(image)


def decode_image(file: Path | BinaryIO, name: str) -> Image.Image:
    """Decode an image, in the mode it is stored in, from a file or from a stream that can seek.

    Of several frames it is the first. It is turned upright as its EXIF orientation says; pytorch-fid ignores that, so
    of images that have one it computes another FID. Raises UserError, in which the image is called `name`, for one that
    is missing, truncated, no image, without pixels, or too large to be meant (a decompression bomb).
    """
    try:
        with Image.open(file) as image:
            image.load()
        with suppress(Exception):  # an EXIF block that cannot be read turns nothing
            ImageOps.exif_transpose(image, in_place=True)
    except Exception as error:  # of nearly any type: what Pillow's decoders stumble over in a corrupt file
        raise UserError(f"The image {printable(name)} {_failure(error)}: replace or remove it.") from error
    return image


def to_rgb(image: Image.Image, name: str) -> Image.Image:
    """An image of any mode as 8-bit RGB: transparency is dropped, of 16-bit grey the high byte is kept.

    Raises UserError, in which the image is called `name`, for floats and integers of more than 16 bits.
    """
    try:
        if image.mode == "I" or image.mode.startswith("I;16"):
            return _high_byte(image).convert("RGB")
        if image.mode == "F":
            raise ValueError("its levels are floats, of a range that is not known")
        if "transparency" in image.info:  # a palette's is dropped without a warning on the way over RGBA
            image = image.convert("RGBA")
        return image if image.mode == "RGB" else image.convert("RGB")
    except ValueError as error:
        raise UserError(
            f"The image {printable(name)} cannot become RGB ({error}): store it as an 8-bit PNG or JPEG."
        ) from error


def printable(name: str) -> str:
    r"""A file name that prints in one line on any UTF-8 stream: \xXX or \udcXX for what does not, as in source code."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)


def check_images(folder: Path) -> list[Path]:
    """List a folder's images after decoding each of them once, several at a time.

    Raises UserError for a missing or empty folder, and for the first file that is truncated or unreadable.
    """
    files = list_images(folder)
    decode_all(files, load_size)
    return files


def load_size(path: Path) -> tuple[int, int]:
    """Width and height of an image that decodes in full, else UserError."""
    return load_rgb(path).size


def decode_all(files: Sequence[Path], decode: Callable[[Path], T]) -> list[T]:
    """Apply a decoder to every file, a few at a time, and give the results in order; the first error is raised."""
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        return list(pool.map(decode, files))


def decode_ahead(files: Sequence[S], decode: Callable[[S], T], batch_size: int) -> Iterator[list[T]]:
    """What `decode_all` gives, in batches, each decoded while whoever takes them is busy with those before it."""
    batches = (files[start : start + batch_size] for start in range(0, len(files), batch_size))
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        begun: deque[Iterator[T]] = deque()
        for batch in batches:
            begun.append(pool.map(decode, batch))
            if len(begun) > AHEAD:
                yield list(begun.popleft())
        while begun:
            yield list(begun.popleft())


def _high_byte(image: Image.Image) -> Image.Image:
    levels = np.asarray(image)
    if levels.min() < 0 or levels.max() > np.iinfo(np.uint16).max:
        raise ValueError("its levels need more than 16 bits")
    return Image.fromarray((levels >> 8).astype(np.uint8))


def _failure(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, OSError) and error.errno:
        return f"cannot be read ({error.strerror})"
    if isinstance(error, UnidentifiedImageError):
        return "is truncated or not an image (its format is not known)"
    if isinstance(error, Image.DecompressionBombError):
        return f"is too large ({str(error).partition(',')[0]})"
    return f"is truncated or not an image ({printable(str(error)).rstrip('.')})"


def _types() -> str:
    return ", ".join(sorted(suffix.removeprefix(".") for suffix in SUFFIXES))
