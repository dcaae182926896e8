"""Data folders that come into being whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from enco.data.check import check_counts, summarise
from enco.data.folders import present_sets
from enco.data.manifest import NAME as MANIFEST
from enco.data.manifest import write_manifest
from enco.errors import UserError
from enco.files import atomic_folder


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside the target; it takes the target's place on success and is removed on failure.

    What a killed run left behind is cleared first. Raises UserError if the disk is full, or if the target exists and is
    neither empty nor has a manifest (so that nobody's own files are lost).
    """
    with atomic_folder(target) as folder:
        if target.exists() and any(target.iterdir()) and not (target / MANIFEST).is_file():
            raise UserError(
                f"{target} has files but no {MANIFEST}, so it is not replaced: move it or choose another --out."
            )
        yield folder


def link_folder(source: Path, target: Path, expected: Mapping[str, int] | None = None) -> Path:
    """Make a data folder of links to another one's sets, with a manifest of its own, and return it.

    Every image is decoded on the way, so that what does not fit is said now. Raises UserError for a missing or empty
    set, an unreadable image, labels without photos, other than the expected numbers of images, and a target that is or
    holds the source.
    """
    if source.resolve().is_relative_to(target.resolve()):
        raise UserError(f"{target} holds the images to be linked, so it is not replaced: choose another --out.")
    check_counts(source, expected or {})
    summarise(source)
    with new_folder(target) as folder:
        for name in present_sets(source):
            (folder / name).symlink_to((source / name).resolve(), target_is_directory=True)
        write_manifest(folder)
    return target
