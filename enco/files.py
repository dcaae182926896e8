"""Files that are either whole or absent."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from enco.errors import UserError

StrPath = str | os.PathLike[str]
"""A path as callers may give it; functions that a user calls take both kinds."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the system says of a full disk, a spent quota and a file larger than it allows."""
FOLDER_CURE = "make {folder} a folder that you may write to, or choose another,"
CURES = {
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST), FOLDER_CURE),
    errno.EISDIR: "move that folder away, or choose another name,",
    errno.ENAMETOOLONG: "choose a shorter name",
}
"""What helps where a place is another's, read-only, or has a file for a folder, a folder for a file, or a long name."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one sentence why `path`, or a temporary file for it, cannot be written.

    Raises UserError where the disk is full or the folder takes no files; all other errors pass.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise UserError(
                f"Disk full while writing {path}: free some space and run again, nothing half-written is left."
            ) from error
        if error.errno in CURES and _is_about(error, path):
            what, cure = error.filename2 or error.filename, CURES[error.errno].format(folder=path.parent)
            raise UserError(f"Cannot write {path} ({error.strerror}: {what}): {cure} and run again.") from error
        raise


def is_full(error: BaseException) -> bool:
    """Whether a call failed because there is no room."""
    return isinstance(error, OSError) and error.errno in FULL


def _is_about(error: OSError, path: Path) -> bool:
    """Whether the file of a failed call is `path`, a folder above it, or a temporary `.<name>.` beside it."""
    place = Path(str(error.filename))
    return path.is_relative_to(place) or str(place).startswith(str(path.with_name(f".{path.name}.")))


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to; on success it is fsynced and renamed to `path`, on failure removed.

    Raises UserError where the disk is full or the place cannot be written to.
    """
    with _beside(path) as partial:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder to fill; on success it takes the place of `path`, on failure it is removed.

    Where `path` is a link, say to a larger disk, all this happens where it leads, and the link stays.

    Processes that make the same folder take turns, by the file `.<name>.lock` beside it, which stays. What a killed
    process left behind is cleared first. Raises UserError where the disk is full or the place cannot be written to.
    """
    with writing(path):
        path = path.resolve() if path.is_symlink() else path
    with _beside(path) as partial, FileLock(path.with_name(f".{path.name}.lock")):
        for leftover in path.parent.glob(f".{path.name}.*.partial"):
            shutil.rmtree(leftover, ignore_errors=True)
        partial.mkdir()
        yield partial
        if path.exists():
            shutil.rmtree(path)
        partial.replace(path)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A name in the same folder that is gone afterwards, however the block ends."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
        finally:
            if partial.is_dir():
                shutil.rmtree(partial, ignore_errors=True)
            partial.unlink(missing_ok=True)


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
        raise UserError(f"{path} is not readable JSON ({error}): delete it and run again.") from error


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
