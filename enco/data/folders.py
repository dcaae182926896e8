"""Image files in folders: listing, decoding, checking. Free of torch, so that data commands start fast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from enco.errors import UserError

T = TypeVar("T")

SETS = ("trainA", "trainB", "testA", "testB")
LABEL_SETS = ("trainA_labels", "testA_labels")
TRAIN_IDS = (*range(19), 255)
"""What a label map may hold: the trainIds of Cityscapes' 19 classes, and 255 for what is ignored."""
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})


def present_sets(root: Path) -> list[str]:
    """Names of a data folder's sets: the four that it must have, and the label sets that it does have."""
    return [*SETS, *(name for name in LABEL_SETS if (root / name).is_dir())]


def list_images(folder: Path) -> list[Path]:
    """Image files of a folder, sorted by name; hidden files and other suffixes are skipped.

    Raises UserError if the folder is missing or has no image.
    """
    if not folder.is_dir():
        raise UserError(f"The image folder {folder} does not exist: create it or correct the data root.")
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if not files:
        raise UserError(f"The image folder {folder} holds no image: put files of type {_types()} there.")
    return files


def load_rgb(path: Path) -> Image.Image:
    """Decode an image file as 8-bit RGB; UserError names a file that cannot be decoded in full."""
    return _decode(path).convert("RGB")


def load_labels(path: Path) -> NDArray[np.uint8]:
    """Decode a label map as H x W trainIds; UserError unless it is a whole 8-bit single-channel image of them."""
    image = _decode(path)
    if image.mode not in ("L", "P"):
        raise UserError(f"The label map {path} has mode {image.mode}: store class ids as an 8-bit greyscale PNG.")
    labels = np.asarray(image)
    unknown = np.setdiff1d(labels, TRAIN_IDS)
    if unknown.size:
        raise UserError(
            f"The label map {path} holds {unknown[0]}, which is no trainId: store classes as 0..{TRAIN_IDS[-2]} and"
            f" {TRAIN_IDS[-1]} for what is ignored."
        )
    return labels


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
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(decode, files))


def _decode(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "is truncated or not an image" if path.exists() else "does not exist"
        raise UserError(f"The image {path} {reason} ({error}): replace or remove it.") from error


def _types() -> str:
    return ", ".join(sorted(suffix.removeprefix(".") for suffix in SUFFIXES))
