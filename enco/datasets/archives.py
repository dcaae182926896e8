"""Archives (zip, tar) read safely: no file is unpacked to a path that the archive chooses."""

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

from enco.data.folders import SUFFIXES, printable
from enco.errors import UserError
from enco.notices import say_once

Member = tuple[str, bytes]
"""A file of an archive: its name in the archive, and its content."""
MemberInfo = tuple[str, bool, int]
"""A file of an archive: its name in the archive, whether it is a plain file, and its bytes when unpacked."""
LARGEST = 256 * 2**20
"""Bytes of a file, as each is read into memory whole."""
LONGEST_NAME = 255
NO_FILE = "a link or no plain file"
ENCRYPTED = 1
BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, NotImplementedError, RuntimeError, UnicodeError),
)
"""What reading a damaged, encrypted or unknown archive raises."""


def member_names(path: Path) -> list[str]:
    """Read the names of an archive's files.

    Raises UserError for a file that is no whole archive, and for one with a link or a name that leads out of the
    folder.
    """
    files = archive_files(path)
    for name, is_plain, size in files:
        reason = _suspicion(name, is_plain, size)
        if reason:
            raise refused(path, name, reason)
    return [name for name, _, _ in files]


def archive_files(path: Path) -> list[MemberInfo]:
    """List an archive's files, whatever they are; UserError for a file that is no whole archive."""
    with _readable(path):
        return _zip_files(path) if _is_zip(path) else _tar_files(path)


def refused(path: Path, name: str, reason: str) -> UserError:
    """Return the error for a file of an archive that is not read."""
    return UserError(f"{path} holds {printable(name)}, {reason}: {_refetch(path)}")


def read_members(path: Path, names: Collection[str]) -> Iterator[Member]:
    """Read the contents of some files of an archive, in the archive's order; UserError for a damaged one."""
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
    """Find the image files of each set: those in the one folder whose path ends in one of the set's.

    Hidden files are left out; files of other kinds are, too, with a notice. Raises UserError if several folders fit a
    set.
    """
    images = [name for name in names if _is_image(PurePosixPath(name))]
    wanted = {folder for folders in sets.values() for folder in folders}
    _say_others([PurePosixPath(name) for name in names], wanted, archive)
    found = {}
    for key, folders in sets.items():
        mine = [name for name in images if any(_is_in(PurePosixPath(name), folder) for folder in folders)]
        parents = sorted({str(PurePosixPath(name).parent) for name in mine})
        if len(parents) > 1:
            both = f"{parents[0]} and {parents[1]}, which are both {key}"
            raise UserError(f"{archive} holds {both}: get an archive that has one of them.")
        found[key] = mine
    return found


def _say_others(files: Sequence[PurePosixPath], folders: Collection[str], archive: Path) -> None:
    """Print, by ending, which files of some folders of an archive are left out."""
    others = Counter(
        file.suffix.lower() or "without ending"
        for file in files
        if any(_is_in(file, folder) for folder in folders) and not _is_image(file) and not is_hidden(file)
    )
    if others:
        found = ", ".join(f"{count} {printable(kind)}" for kind, count in sorted(others.items()))
        say_once(f"Left out of {archive}: {found}.")


def _is_zip(path: Path) -> bool:
    """Return whether an archive is a zip rather than a tar; UserError for any other file."""
    if not path.is_file():
        raise UserError(f"The archive {path} does not exist.")
    is_zip = zipfile.is_zipfile(path)
    if not is_zip and not tarfile.is_tarfile(path):
        raise UserError(f"{path} is truncated or neither a zip nor a tar archive: {_refetch(path)}")
    return is_zip


def _zip_files(path: Path) -> list[MemberInfo]:
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if any(entry.flag_bits & ENCRYPTED for entry in entries):
        raise UserError(f"{path} is encrypted: {_refetch(path)}")
    return [(entry.filename, not S_ISLNK(entry.external_attr >> 16), entry.file_size) for entry in entries]


def _tar_files(path: Path) -> list[MemberInfo]:
    with tarfile.open(path) as archive:
        return [(member.name, member.isfile(), member.size) for member in archive if not member.isdir()]


def _suspicion(name: str, is_plain: bool, size: int) -> str | None:
    """Say why a file does not belong into an archive of images; None for a good file."""
    path = PurePosixPath(name.replace("\\", "/"))
    if not is_plain:
        return NO_FILE
    if path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1]):
        return "which leads out of its folder"
    if len(path.name.encode("utf-8", "surrogateescape")) > LONGEST_NAME:
        return "whose name is too long for a file"
    return f"of {size} bytes, which is more than an image has" if size > LARGEST else None


def is_hidden(path: PurePosixPath) -> bool:
    """Return whether a file is one that macOS or a file browser adds."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _is_image(path: PurePosixPath) -> bool:
    return path.suffix.lower() in SUFFIXES and not is_hidden(path)


def _is_in(path: PurePosixPath, folder: str) -> bool:
    parts = PurePosixPath(folder).parts
    return path.parent.parts[-len(parts) :] == parts


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise UserError, naming the archive, where the block stumbles over damaged content."""
    try:
        yield
    except BROKEN as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path} is damaged or cannot be read ({reason}): {_refetch(path)}") from error


def _refetch(path: Path) -> str:
    return f"get {path.name} again."
