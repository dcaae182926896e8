"""Files that are either whole or absent."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from enco.errors import UserError, writing
from enco.io.locks import locked

StrPath = str | os.PathLike[str]
"""A path as users of functions may give one."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to; on success the file is fsynced and renamed to `path`, on failure removed.

    Raises UserError where the disk is full or the place cannot be written to.
    """
    with _temporary(path) as partial:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder to fill, which takes the place of `path` on success and is removed on failure.

    Where `path` is a link, say to a larger disk, all this happens at the end of the link, and the link stays.

    Processes that make one folder take turns, by the file `.<name>.lock` beside the folder, which stays. Leftovers of a
    killed process are cleared first. Raises UserError where the disk is full or the place cannot be written to.
    """
    with writing(path):
        path = path.resolve() if path.is_symlink() else path
    if path.exists() and not path.is_dir():
        raise UserError(f"Cannot make the folder {path}, as a file has that name: choose another one.")
    with _temporary(path) as partial, locked(path.with_name(f".{path.name}.lock")):
        for leftover in path.parent.glob(f".{path.name}.*.partial"):
            shutil.rmtree(leftover, ignore_errors=True)
        partial.mkdir()
        yield partial
        if path.exists():
            shutil.rmtree(path)
        partial.replace(path)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Give a temporary name in the folder of `path`; nothing of that name is left, however the block ends."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
        finally:
            if partial.is_dir():
                shutil.rmtree(partial, ignore_errors=True)
            partial.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Raise UserError if a file could not be written to `path`, before hours of work depend on it."""
    if path.is_dir():
        raise UserError(f"Cannot write {path} (it is a folder): move that folder away, or choose another name.")
    with _temporary(path) as partial:
        partial.touch()


def check_room(folder: Path, needed: int) -> None:
    """Raise UserError if the disk of a folder has less than `needed` bytes left."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"The disk of {folder} has {free / 1e6:,.0f} MB left, and {needed / 1e6:,.0f} MB are needed at least: free"
            " some space, or choose another folder."
        )


def write_json(path: Path, content: Any) -> None:
    """Write readable JSON, whole."""
    with atomic_path(path) as partial:
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")  # a file name may be no UTF-8


def read_json(path: Path) -> Any:
    """Read JSON; UserError names a file that is missing or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist.") from error
    except ValueError as error:
        raise UserError(f"{path} is not readable JSON ({error}): name another file, or have it made again.") from error


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
