"""The six demo archives: numbers of images by domain, and folders of images, made whole or not at all."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.random import Generator, default_rng
from PIL import Image

from enco.data.manifest import write_manifest
from enco.datasets.demo import afhq, cityscapes, facades, horse2zebra, summer2winter_yosemite, vangogh2photo
from enco.datasets.demo.canvas import Canvas
from enco.datasets.new_folder import new_folder
from enco.errors import UserError, unknown


@dataclass(frozen=True)
class Archive:
    """One archive: a drawing function, and per domain (A, B) a name and the numbers of images."""

    draw: Callable[[Canvas, Generator, str, int], Any]
    domains: tuple[str, str]
    train: tuple[int, int]
    test: tuple[int, int]
    paired: bool = False
    """Whether every scene is drawn as photo (A), colour label map (B) and class ids, under one file name."""

    def counts(self, split: str, scale_counts: float = 1.0) -> tuple[int, int]:
        """Return the numbers of A and B images of a split, the defaults times `scale_counts`; two at least."""
        a, b = (max(2, math.ceil(count * scale_counts)) for count in (self.train if split == "train" else self.test))
        return a, b


ARCHIVES = {
    "cityscapes": Archive(cityscapes.draw, ("photo", "label"), (64, 64), (24, 24), paired=True),
    "facades": Archive(facades.draw, ("photo", "label"), (48, 48), (20, 20), paired=True),
    "horse2zebra": Archive(horse2zebra.draw, ("horse", "zebra"), (44, 52), (20, 24)),
    "afhq": Archive(afhq.draw, ("cat", "dog"), (50, 46), (24, 24)),
    "summer2winter_yosemite": Archive(summer2winter_yosemite.draw, ("summer", "winter"), (52, 44), (28, 22)),
    "vangogh2photo": Archive(vangogh2photo.draw, ("vangogh", "photo"), (32, 60), (16, 28)),
}


def make_archive(
    name: str, out: Path, seed: int = 0, size: int = 64, scale_counts: float = 1.0, replace: bool = False
) -> Path:
    """Make out/<name> with trainA, trainB, testA, testB (PNG, RGB, size x size) and manifest.json; return the path.

    Equal arguments give equal files. `scale_counts` multiplies the numbers of images (at least two each). An earlier
    archive at that place is replaced once the new one is complete. Raises UserError for an unknown name, a full disk,
    or a folder in the way that is no data archive, unless `replace` is set.
    """
    if name not in ARCHIVES:
        raise unknown("demo dataset", name, ARCHIVES)
    if size < 8:
        raise UserError(f"Demo images of {size} pixels are too small to draw: ask for a size of 8 or more.")
    archive = ARCHIVES[name]
    with new_folder(out / name, replace) as folder:
        for split in ("train", "test"):
            counts = archive.counts(split, scale_counts)
            if archive.paired:
                _draw_paired(archive, folder, split, counts[0], seed_of(seed, name, split), size)
            else:
                for domain, prefix, count in zip("AB", archive.domains, counts, strict=True):
                    seeds = seed_of(seed, name, split, domain)
                    _draw_domain(archive, folder / f"{split}{domain}", domain, prefix, count, seeds, size)
        write_manifest(folder, {"drawn": name, "seed": seed, "size": size})
    return out / name


def seed_of(seed: int, *words: str) -> list[int]:
    """Return entropy for random numbers that depend on a seed and on words."""
    return [seed, *(zlib.crc32(word.encode()) for word in words)]


def _draw_paired(archive: Archive, folder: Path, split: str, count: int, seeds: list[int], size: int) -> None:
    sets = [folder / f"{split}{suffix}" for suffix in ("A", "B", "A_labels")]
    for place in sets:
        place.mkdir()
    for index in range(count):
        photo, colours, labels = archive.draw(Canvas(size), default_rng([*seeds, index]), "A", index)
        for place, image in zip(sets, (photo, colours, Image.fromarray(labels)), strict=True):
            image.save(place / f"{index:04d}.png")


def _draw_domain(
    archive: Archive, place: Path, domain: str, prefix: str, count: int, seeds: list[int], size: int
) -> None:
    place.mkdir()
    for index in range(count):
        archive.draw(Canvas(size), default_rng([*seeds, index]), domain, index).save(
            place / f"{prefix}_{index:04d}.png"
        )
