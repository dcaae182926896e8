"""Data folders of links to the image sets of another folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from enco.data.folders import present_sets
from enco.data.manifest import read_hashes, write_manifest
from enco.data.reading import DEFAULT_READING, Reading
from enco.datasets.catalogue import Counts
from enco.datasets.check import check_counts, summarise
from enco.datasets.hashes import check_hashes
from enco.datasets.new_folder import known_source, new_folder
from enco.errors import UserError
from enco.notices import say_once


@dataclass(frozen=True)
class Expected:
    """The expected content of a folder of images."""

    counts: Counts = field(default_factory=dict)
    other_releases: Mapping[str, Counts] = field(default_factory=dict)
    """Counts of releases that are easily taken for the expected one."""
    photo_filter: str | None = None
    """What should have resized Cityscapes' photos."""
    hashes: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of every image where they are published, by names such as trainA/1.jpg."""


ANYTHING = Expected()


def link_folder(
    source: Path, out: Path, expected: Expected = ANYTHING, replace: bool = False, reading: Reading = DEFAULT_READING
) -> Path:
    """Make the data folder `out` of links to the sets of `source`, with a manifest, and return the path.

    Every image is decoded on the way. Raises UserError for a missing or empty set, an unreadable image, labels without
    photos, content that is not as expected, and an `out` that is or holds the source.
    """
    if source.resolve().is_relative_to(out.resolve()):
        raise UserError(f"{out} holds the images to be linked, so it is not replaced: choose another --out.")
    check_counts(source, expected.counts, expected.other_releases, reading)
    summarise(source, reading)
    about = known_source(source, reading.recursive)
    _check_filter(source, about.get("photo_filter"), expected.photo_filter)
    with new_folder(out, replace) as folder:
        for name in present_sets(source):
            (folder / name).symlink_to((source / name).resolve(), target_is_directory=True)
        write_manifest(folder, about or {"folder": source.name}, reading)
        if expected.hashes:
            check_hashes(source, read_hashes(folder), expected.hashes, "get the release that has these")
    return out


def _check_filter(folder: Path, found: str | None, wanted: str | None) -> None:
    if wanted and not found:
        say_once(f"{folder} does not say which filter its photos were resized with, and is taken for {wanted}.")
    if found and wanted and found != wanted:
        raise UserError(
            f"{folder} was prepared with the photo filter {found}, not {wanted}: prepare it again with that one, or set"
            f" 'photo_filter: {found}'."
        )
