"""What is in a data folder, said as a table; and whether all of it can be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from enco.data.folders import LABEL_SETS, SETS, decode_all, list_images, load_labels, load_size
from enco.errors import UserError


@dataclass(frozen=True)
class SetSummary:
    """One image set: how many images of which sizes (width, height)."""

    name: str
    count: int
    smallest: tuple[int, int]
    largest: tuple[int, int]


def summarise(root: Path) -> list[SetSummary]:
    """Decode every image of a data folder and describe its sets; label sets only where there are any.

    Raises UserError for a missing or empty set, an unreadable image, or a label map that does not fit its photo.
    """
    names = [*SETS, *(name for name in LABEL_SETS if (root / name).is_dir())]
    for name in names[len(SETS) :]:
        _check_labels(root / name, root / name.removesuffix("_labels"))
    return [_summary(root / name) for name in names]


def table(summaries: list[SetSummary]) -> str:
    """The sets as a plain table."""
    rows = [(s.name, s.count, _size(s.smallest), _size(s.largest)) for s in summaries]
    return tabulate(rows, headers=("set", "images", "smallest", "largest"))


def _summary(folder: Path) -> SetSummary:
    sizes = sorted(decode_all(list_images(folder), load_size), key=lambda size: size[0] * size[1])
    return SetSummary(folder.name, len(sizes), sizes[0], sizes[-1])


def _check_labels(labels: Path, photos: Path) -> None:
    sizes = {path.stem: load_size(path) for path in list_images(photos)}
    for path in list_images(labels):
        height, width = load_labels(path).shape
        if path.stem not in sizes:
            raise UserError(f"The label map {path} has no photo of that name in {photos}: add the photo or remove it.")
        if sizes[path.stem] != (width, height):
            raise UserError(f"The label map {path} is {width} x {height}, its photo {_size(sizes[path.stem])}.")


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
