"""Data folders that come into being whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from enco.data.manifest import NAME as MANIFEST
from enco.data.manifest import read_source, verify_manifest
from enco.errors import UserError
from enco.io.files import atomic_folder


@contextmanager
def new_folder(out: Path, replace: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside `out`, which takes the place of `out` on success and is removed on failure.

    Leftovers of a killed run are cleared first. Raises UserError for a full disk, and where `out` holds files that
    these commands have not made (so that no one's own are lost), unless `replace` is set.
    """
    with atomic_folder(out) as folder:
        if not replace and out.exists() and any(out.iterdir()) and not _is_made_here(out):
            raise UserError(
                f"{out} has files that were not made by these commands, so it is not replaced: move it or choose"
                " another --out."
            )
        yield folder


def _is_made_here(folder: Path) -> bool:
    """Return whether a manifest gives the source of the folder's images."""
    return (folder / MANIFEST).is_file() and bool(read_source(folder))


def known_source(folder: Path, recursive: bool = False) -> dict[str, Any]:
    """Read the source of a folder's images; empty without a manifest that gives one and still holds."""
    if not (folder / MANIFEST).is_file():
        return {}
    try:
        verify_manifest(folder, recursive)
    except UserError:
        return {}
    return read_source(folder)
