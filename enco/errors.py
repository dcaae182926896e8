"""Errors that a user can mend, in one sentence each: mistakes, and refusals of the file system."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors of a full disk, a spent quota, and a file that is larger than the system allows."""
FOLDER_CURE = "make {folder} a folder that you may write to, or choose another,"
WRITING_CURES = {
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT), FOLDER_CURE),
    errno.EISDIR: "move that folder away, or choose another name,",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "mend that link, which leads back to itself, or choose another name,",
}
"""Cures by error where writing is refused: no right to write, a file for a folder, a folder for a file, a long name."""
DISK_CURE = "look after that disk, which does not answer as it should,"
CURES = {
    **dict.fromkeys((errno.EACCES, errno.EPERM), "ask its owner for the right to use it, or name another place,"),
    **dict.fromkeys((errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN), DISK_CURE),
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "name a place where no file stands for a folder"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "allow more open files (`ulimit -n`)"),
    errno.EROFS: "name a place on a disk that can be written to",
    errno.ENOENT: "correct the name, or mend the link,",
    errno.ELOOP: "mend that link, which leads back to itself, or name another place,",
    errno.EISDIR: "name a file, or move that folder away,",
    errno.ENAMETOOLONG: "choose a shorter name",
}
"""Cures by error where the file system refuses anything else."""


class UserError(Exception):
    """An error that a user can mend: the message says what, where and the cure."""


class Unreadable(Exception):
    """Content of a file that is torn or of another format; the message is the first line of the reader's own."""


class NonFiniteLoss(UserError):
    """A loss or a weight that is no longer a number: nothing good can follow."""


def unknown(kind: str, given: str, valid: Iterable[str], where: str = "") -> UserError:
    """Return the error for a name that is not in a list, with the list."""
    place = f" in {where}" if where else ""
    return UserError(f"Unknown {kind} '{given}'{place}: choose one of {', '.join(sorted(valid))}.")


def encodable(text: str) -> str:
    r"""Return a text that UTF-8 can hold: bytes of a file name that are no UTF-8 become \udcXX."""
    return text.encode("utf-8", "backslashreplace").decode()


def run_cli(main: Callable[[], int | None]) -> None:
    """Run a command's main function and exit; a UserError is one line on stderr and status 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a file name that is no UTF-8 must not end a command when it is printed
            stream.reconfigure(errors="backslashreplace")
    try:
        with explain_refusals():
            sys.exit(main() or 0)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


@contextmanager
def explain_refusals() -> Iterator[None]:
    """Raise UserError where the file system refuses to read, write or lock in the block; other errors pass."""
    try:
        yield
    except OSError as error:
        if said := refusal(error):
            raise UserError(said) from error
        raise
    except RuntimeError as error:  # how Path.resolve says ELOOP before Python 3.13
        loop = str(error).removeprefix("Symlink loop from ")
        if loop == str(error):
            raise
        raise UserError(str(refusal(OSError(errno.ELOOP, os.strerror(errno.ELOOP), loop.strip("'"))))) from error


def refusal(error: OSError) -> str | None:
    """Return a sentence for a refusal of the file system, with the cure; None for an error of another kind."""
    if is_full(error):
        return str(disk_full(error.filename))
    if error.filename is None or error.errno not in CURES:
        return None
    place = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else str(error.filename)
    why = f"{error.strerror}{_leads_nowhere(place)}{_owner(place)}"
    return f"{place} cannot be used ({why}): {CURES[error.errno]} and run again."


def _leads_nowhere(place: str) -> str:
    """Say where a broken link leads, as a clause; empty for anything else."""
    with suppress(OSError):
        return f": it is a link to {Path(place).readlink()}" if not Path(place).exists() else ""
    return ""


def _owner(place: object) -> str:
    """Name the owner of a place, as a clause; empty for this user, or where the owner is not known."""
    with suppress(OSError, KeyError):
        path = Path(str(place))
        return f", which is {path.owner()}'s" if path.stat().st_uid != os.geteuid() else ""
    return ""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise UserError, in one sentence, where `path` or a temporary file for that path cannot be written.

    Raises UserError where the disk is full or the folder takes no files; all other errors pass.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise disk_full(path, ", nothing half-written is left") from error
        if error.errno in WRITING_CURES and _is_about(error, path):
            what, cure = error.filename2 or error.filename, WRITING_CURES[error.errno].format(folder=path.parent)
            raise UserError(
                f"Cannot write {path} ({error.strerror}: {what}{_owner(what)}): {cure} and run again."
            ) from error
        raise


def disk_full(path: object, left: str = "") -> UserError:
    """Return the error for a disk without room for `path`, which may be unknown; `left` says what remains there."""
    where = f" while writing {path}" if path else ""
    return UserError(f"Disk full{where}: free some space and run again{left}.")


def is_full(error: BaseException) -> bool:
    """Return whether a call failed for want of room."""
    return isinstance(error, OSError) and error.errno in FULL


def _is_about(error: OSError, path: Path) -> bool:
    """Return whether a failed call was about `path`, a folder above, or a temporary file `.<name>.` in that folder."""
    place = Path(str(error.filename))
    return path.is_relative_to(place) or str(place).startswith(str(path.with_name(f".{path.name}.")))
