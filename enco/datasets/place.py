"""Data folders that come into being whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enco.data.folders import present_sets
from enco.data.manifest import NAME as MANIFEST
from enco.data.manifest import read_hashes, read_source, verify_manifest, write_manifest
from enco.data.reading import USUAL, Reading
from enco.datasets.catalogue import Counts
from enco.datasets.check import check_counts, summarise
from enco.datasets.hashes import check_hashes
from enco.errors import UserError
from enco.io.files import atomic_folder
from enco.notices import say_once


@dataclass(frozen=True)
class Expected:
    """What a folder of images should be: counts, those of releases mistaken for it, Cityscapes' filter, contents."""

    counts: Counts = field(default_factory=dict)
    other_releases: Mapping[str, Counts] = field(default_factory=dict)
    photo_filter: str | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of every image where they are published, by names such as trainA/1.jpg."""


NOTHING = Expected()


@contextmanager
def new_folder(target: Path, replace: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside the target; it takes the target's place on success and is removed on failure.

    What a killed run left behind is cleared first. Raises UserError if the disk is full, or if the target holds files
    that nothing here has made (so that nobody's own are lost), unless it is said to `replace` them.
    """
    with atomic_folder(target) as folder:
        if not replace and target.exists() and any(target.iterdir()) and not _is_made(target):
            raise UserError(
                f"{target} has files that were not made by these commands, so it is not replaced: move it or choose"
                " another --out."
            )
        yield folder


def _is_made(folder: Path) -> bool:
    """Whether a manifest says what the folder's images were made from."""
    return (folder / MANIFEST).is_file() and bool(read_source(folder))


def link_folder(
    source: Path, target: Path, expected: Expected = NOTHING, replace: bool = False, reading: Reading = USUAL
) -> Path:
    """Make a data folder of links to another one's sets, with a manifest of its own, and return it.

    Every image is decoded on the way, so that what does not fit is said now. Raises UserError for a missing or empty
    set, an unreadable image, labels without photos, what is not as expected, and a target that is or holds the source.
    """
    if source.resolve().is_relative_to(target.resolve()):
        raise UserError(f"{target} holds the images to be linked, so it is not replaced: choose another --out.")
    check_counts(source, expected.counts, expected.other_releases, reading)
    summarise(source, reading)
    about = known_source(source, reading.recursive)
    _check_filter(source, about.get("photo_filter"), expected.photo_filter)
    with new_folder(target, replace) as folder:
        for name in present_sets(source):
            (folder / name).symlink_to((source / name).resolve(), target_is_directory=True)
        write_manifest(folder, about or {"folder": source.name}, reading)
        if expected.hashes:
            check_hashes(source, read_hashes(folder), expected.hashes, "get the release that has these")
    return target


def known_source(folder: Path, recursive: bool = False) -> dict[str, Any]:
    """What a folder's images were made from, if its manifest says so and still holds; else they are the user's own."""
    if not (folder / MANIFEST).is_file():
        return {}
    try:
        verify_manifest(folder, recursive)
    except UserError:
        return {}
    return read_source(folder)


def _check_filter(folder: Path, found: str | None, wanted: str | None) -> None:
    if wanted and not found:
        say_once(f"{folder} does not say which filter its photos were resized with, and is taken for {wanted}.")
    if found and wanted and found != wanted:
        raise UserError(
            f"{folder} was prepared with the photo filter {found}, not {wanted}: prepare it again with that one, or set"
            f" 'photo_filter: {found}'."
        )
