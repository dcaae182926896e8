"""Archives (zip, tar) read safely: nothing is unpacked by the archive's own word of where it belongs."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from stat import S_ISLNK

from enco.data.folders import SUFFIXES
from enco.errors import UserError

Member = tuple[str, bytes]
"""A file of an archive: its name there, and its content."""
BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, NotImplementedError, RuntimeError, UnicodeError),
)
"""What reading a damaged, encrypted or unknown archive raises."""


def member_names(path: Path) -> list[str]:
    """The names of an archive's files.

    Raises UserError for what is no whole archive, holds a link, or a name that leads out of the archive's own folder.
    """
    with _readable(path):
        files = _zip_files(path) if _is_zip(path) else _tar_files(path)
    for name, is_plain in files:
        if not is_plain:
            raise UserError(f"{path} holds {name}, a link or no plain file: {_refetch(path)}")
        if _escapes(name):
            raise UserError(f"{path} holds {name}, which leads out of its folder: {_refetch(path)}")
    return [name for name, _ in files]


def read_members(path: Path, names: Collection[str]) -> Iterator[Member]:
    """The contents of some files of an archive, in the archive's order; UserError if one is damaged."""
    wanted = set(names)
    with _readable(path):
        if _is_zip(path):
            with zipfile.ZipFile(path) as archive:
                for entry in archive.infolist():
                    if entry.filename in wanted:
                        yield entry.filename, archive.read(entry)
        else:
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.isfile() and member.name in wanted and (content := archive.extractfile(member)):
                        yield member.name, content.read()


def image_folders(names: Sequence[str], sets: Mapping[str, Sequence[str]], archive: Path) -> dict[str, list[str]]:
    """The image files of each set: those in the one folder whose path ends in one of the set's.

    Hidden files and those of other kinds are left out. Raises UserError if several folders fit a set, or if two of its
    files have one name.
    """
    images = [name for name in names if _is_image(PurePosixPath(name))]
    found = {}
    for key, folders in sets.items():
        mine = [name for name in images if any(_is_in(PurePosixPath(name), folder) for folder in folders)]
        parents = sorted({str(PurePosixPath(name).parent) for name in mine})
        if len(parents) > 1:
            raise UserError(f"{archive} holds {parents[0]} and {parents[1]}, which are both {key}: remove one of them.")
        twice = [name for name, count in Counter(mine).items() if count > 1]
        if twice:
            raise UserError(f"{archive} holds {twice[0]} twice: {_refetch(archive)}")
        found[key] = mine
    return found


def _is_zip(path: Path) -> bool:
    """Whether an archive is a zip or else a tar; UserError if it is neither."""
    if not path.is_file():
        raise UserError(f"The archive {path} does not exist.")
    is_zip = zipfile.is_zipfile(path)
    if not is_zip and not tarfile.is_tarfile(path):
        raise UserError(f"{path} is truncated or neither a zip nor a tar archive: {_refetch(path)}")
    return is_zip


def _zip_files(path: Path) -> list[tuple[str, bool]]:
    """Names, and whether they are plain files."""
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    return [(entry.filename, not S_ISLNK(entry.external_attr >> 16)) for entry in entries]


def _tar_files(path: Path) -> list[tuple[str, bool]]:
    with tarfile.open(path) as archive:
        return [(member.name, member.isfile()) for member in archive if not member.isdir()]


def _escapes(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/"))
    return parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]


def _is_image(path: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def _is_in(path: PurePosixPath, folder: str) -> bool:
    parts = PurePosixPath(folder).parts
    return path.parent.parts[-len(parts) :] == parts


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say of a damaged archive that it is damaged."""
    try:
        yield
    except BROKEN as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path} is damaged or cannot be read ({reason}): {_refetch(path)}") from error


def _refetch(path: Path) -> str:
    return f"delete {path.name} and get it again."
