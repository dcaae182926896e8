"""Image files in folders: listing, decoding, checking. Free of torch, so that data commands start fast."""

from __future__ import annotations

import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from enco.config.run import Levels
from enco.errors import CURES, UserError
from enco.io.files import StrPath
from enco.notices import say_once

S = TypeVar("S")
T = TypeVar("T")

SETS = ("trainA", "trainB", "testA", "testB")
LABEL_SETS = ("trainA_labels", "testA_labels")
TRAIN_IDS = (*range(19), 255)
"""Values of a label map: the trainIds of Cityscapes' 19 classes, and 255 for pixels that are ignored."""
SHOWN = 8
"""Names of folders that an error lists at most."""
THREADS, AHEAD = 4, 2
"""Images decoded at a time (Pillow decodes without Python's lock), and batches decoded ahead."""
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"})
BITS: dict[Levels, int] = {name: int(name.removesuffix("bit")) for name in get_args(Levels)}
"""Bits that the levels of 16-bit grey use."""
SUB_FOLDER = "sub-folder"
FEW = 2**12
"""Levels below which 16-bit grey is hardly meant to use all 16 bits."""
COUNTED = frozenset({"GIF", "TIFF"})
"""Formats whose pages or frames Pillow counts by reading the file."""
DEEP = re.compile(r"RGB[AXa]*;16[BLN]")
"""Pillow's names of stored 16-bit colour, which Pillow reads as 8-bit."""


def present_sets(root: Path) -> list[str]:
    """Return the names of a data folder's sets: the four required ones, and the label sets that are there."""
    return [*SETS, *(name for name in LABEL_SETS if (root / name).is_dir())]


def list_images(folder: StrPath, recursive: bool = False) -> list[Path]:
    """List the image files of a folder, and if `recursive` of all folders below, sorted by name, without hidden ones.

    Other files that are left out are printed once, by ending. Raises UserError if the folder is missing or has no
    image, and for a link that leads back to a folder above the link.
    """
    folder = Path(folder)
    place = printable(str(folder))
    if folder.is_file():
        raise UserError(f"{place} is a file: name the folder of images that it lies in.")
    if folder.is_symlink() and not folder.is_dir():
        aim = printable(str(folder.readlink()))
        raise UserError(f"The image folder {place} is a link to {aim}, where no folder is: mend the link.")
    if not folder.is_dir():
        said = f"The image folder {place} does not exist{_found_instead(folder)}"
        raise UserError(f"{said}: create it or correct the data root.")
    files, others = _survey(folder, recursive)
    if not files:
        found = f" but {_counted(others)}" if others else ""
        cure = ", or give --recursive to read sub-folders" if SUB_FOLDER in others else ""
        raise UserError(f"The image folder {place} holds no image{found}: put files of type {_types()} there{cure}.")
    if others:
        cure = " (--recursive reads sub-folders)" if SUB_FOLDER in others else ""
        say_once(f"Left out of {place}: {_counted(others)}{cure}.", (folder.resolve(), "left out"))
    return sorted(files)


def _found_instead(folder: Path) -> str:
    """Name the folders in the place of a missing set, as a clause: often sets of another layout, such as train/A."""
    with suppress(OSError):
        folders = [path for path in folder.parent.glob("*") if path.is_dir()]
        inner = [path for place in folders for path in place.glob("*") if path.is_dir()]
        names = sorted(name_in(folder.parent, path) for path in inner or folders)
        if folder.name in SETS and names:
            return f" (there are {printable(', '.join(names[:SHOWN]))}: copy or link what is meant)"
    return ""


def name_in(folder: Path, file: Path) -> str:
    """Return a file's path from a folder, with forward slashes."""
    return file.relative_to(folder).as_posix()


def stem_in(folder: Path, file: Path) -> str:
    """Return a file's path from a folder, with forward slashes and without the ending."""
    return name_in(folder, file.with_suffix(""))


def output_names(files: Iterable[Path], folder: Path) -> dict[Path, str]:
    """Return the name of each file's translation: its path from a folder, with the ending .png."""
    return {file: f"{stem_in(folder, file)}.png" for file in files}


def load_rgb(path: StrPath, levels: Levels = "16bit") -> Image.Image:
    """Decode an image file as 8-bit RGB; UserError names a file that cannot be decoded in full."""
    return to_rgb(decode_image(Path(path), str(path)), str(path), levels)


def load_labels(path: Path) -> NDArray[np.uint8]:
    """Decode a label map as H x W trainIds; UserError for any but a whole 8-bit single-channel image of trainIds."""
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
    """Decode an image, in the stored mode, from a file or from a stream that can seek.

    Of several pages or frames the first is read, which is printed once for a folder. The image is turned upright as
    the EXIF orientation says; pytorch-fid ignores the orientation, so that its FID of such images is another one.
    Raises UserError, which calls the image `name`, for an image that is missing, truncated, of no known format, without
    pixels, or too large to be meant (a decompression bomb).
    """
    try:
        with Image.open(file) as image:
            is_deep = bool(DEEP.search(str([tile[3] for tile in image.tile])))
            image.load()
        with suppress(Exception):  # an EXIF block that cannot be read turns nothing
            ImageOps.exif_transpose(image, in_place=True)
        _say_pages(image, file, name)
        if is_deep:
            _say_dim(image, name)
    except Exception as error:  # of nearly any type: what Pillow's decoders stumble over in a corrupt file
        raise UserError(f"The image {printable(name)} {_failure(error)}: {_cure(error)}.") from error
    return image


def to_rgb(image: Image.Image, name: str, levels: Levels = "16bit") -> Image.Image:
    """Convert an image of any mode to 8-bit RGB: without transparency, and with the highest 8 bits of 16-bit grey.

    `levels` says how many bits 16-bit grey uses; a notice is printed once for a folder where fewer seem to be used.
    Raises UserError, which calls the image `name`, for floats and for levels that need more bits.
    """
    try:
        if image.mode == "I" or image.mode.startswith("I;16"):
            return _high_bits(image, name, levels).convert("RGB")
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
    r"""Return a file name that prints in one line on any UTF-8 stream, with \xXX or \udcXX for other characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)


def check_images(folder: Path, recursive: bool = False, levels: Levels = "16bit") -> list[Path]:
    """List a folder's images after decoding each once, several at a time.

    Raises UserError for a missing or empty folder, and for the first file that is truncated or unreadable.
    """
    files = list_images(folder, recursive)
    decode_all(files, partial(load_size, levels=levels))
    return files


def load_size(path: Path, levels: Levels = "16bit") -> tuple[int, int]:
    """Return width and height of an image; UserError unless the image decodes in full."""
    return load_rgb(path, levels).size


def decode_all(files: Sequence[Path], decode: Callable[[Path], T]) -> list[T]:
    """Apply a decoder to every file, a few at a time, and return the results in order; the first error is raised."""
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        return list(pool.map(decode, files))


def decode_ahead(files: Sequence[S], decode: Callable[[S], T], batch_size: int) -> Iterator[list[T]]:
    """Yield the results of a decoder in batches; the next batches are decoded while the caller works on one."""
    batches = (files[start : start + batch_size] for start in range(0, len(files), batch_size))
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        begun: deque[Iterator[T]] = deque()
        for batch in batches:
            begun.append(pool.map(decode, batch))
            if len(begun) > AHEAD:
                yield list(begun.popleft())
        while begun:
            yield list(begun.popleft())


def _survey(folder: Path, recursive: bool) -> tuple[list[Path], Counter[str]]:
    """Return the image files of a folder in any order, and the counts of other content by kind."""
    files: list[Path] = []
    others: Counter[str] = Counter()
    waiting = [(folder, frozenset({folder.resolve()}))]
    while waiting:
        here, above = waiting.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                path = here / entry.name
                if entry.name.startswith("."):
                    continue
                if entry.is_dir() and recursive:
                    waiting.append((path, above | {_resolved(path, above)}))
                elif entry.is_dir():
                    others[SUB_FOLDER] += 1
                elif path.suffix.lower() in SUFFIXES:
                    files.append(path)
                else:
                    others[path.suffix.lower() or "without ending"] += 1
    return files, others


def _resolved(folder: Path, above: frozenset[Path]) -> Path:
    """Resolve a folder's links; UserError if the folder is one of those above."""
    place = folder.resolve()
    if place in above:
        raise UserError(f"The folder {printable(str(folder))} leads back to {place}: mend this link.")
    return place


def _counted(others: Counter[str]) -> str:
    """Write counts by kind, as in '3 .gif, 2 sub-folders'."""
    named = {f"{SUB_FOLDER}s" if kind == SUB_FOLDER and count > 1 else kind: count for kind, count in others.items()}
    return ", ".join(f"{count} {printable(kind)}" for kind, count in sorted(named.items()))


def _say_pages(image: Image.Image, file: Path | BinaryIO, name: str) -> None:
    """Print that one page is read of an image with several pages or frames."""
    pages = _count_pages(file) if image.format in COUNTED else getattr(image, "n_frames", 1)
    if pages > 1:
        path = Path(name)
        say_once(
            f"{printable(name)} has {pages} pages, of which the first is read, as of others like it there.",
            (path.parent.resolve(), path.suffix.lower(), "pages"),
        )


def _count_pages(file: Path | BinaryIO) -> int:
    """Count pages or frames of a file, opened anew as counting moves an image; 1 for a file that cannot be counted."""
    if not isinstance(file, Path):
        file.seek(0)
    with suppress(Exception), Image.open(file) as image:
        return int(getattr(image, "n_frames", 1))
    return 1


def _say_dim(image: Image.Image, name: str) -> None:
    """Print that little is left of 16-bit colour with few bits in use, as Pillow keeps the high byte."""
    brightest = max(high for _, high in image.convert("RGB").getextrema())  # type: ignore[misc]
    if 0 < brightest < FEW >> 8:
        say_once(
            f"{printable(name)} is 16-bit colour of which {brightest + 1} levels are left, as the high byte is read,"
            " and others there may be alike: store them as 8-bit images.",
            (Path(name).parent.resolve(), "dim"),
        )


def _high_bits(image: Image.Image, name: str, levels: Levels) -> Image.Image:
    values, bits = np.asarray(image), BITS[levels]
    darkest, brightest = int(values.min()), int(values.max())
    if darkest < 0 or brightest >= 2**bits:
        fitting = _fitting(brightest) if darkest >= 0 else None
        cure = f", so --levels {fitting} may be meant" if fitting else ""
        raise ValueError(f"its levels need more than {bits} bits{cure}")
    if levels == "16bit" and 0 < brightest < FEW:
        say_once(
            f"{printable(name)} is 16-bit grey without a level above {brightest}, which becomes {brightest // 256 + 1}"
            f" grey levels, and others there may be alike: --levels {_fitting(brightest)} keeps what they hold.",
            (Path(name).parent.resolve(), "levels"),
        )
    return Image.fromarray((values >> (bits - 8)).astype(np.uint8))


def _fitting(brightest: int) -> Levels | None:
    """Return the fewest bits that have this level."""
    return next((name for name, bits in reversed(BITS.items()) if brightest < 2**bits), None)


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


def _cure(error: Exception) -> str:
    """Return the cure for a file system's refusal, or for an image that is not whole."""
    refused = CURES.get(error.errno) if isinstance(error, OSError) and error.errno else None
    return (refused or "put a whole copy in its place, or move it away").rstrip(",")


def _types() -> str:
    return ", ".join(sorted(suffix.removeprefix(".") for suffix in SUFFIXES))
