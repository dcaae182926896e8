"""Locks between processes: a file's lock ends with the process that holds the lock, however the process ends."""

from __future__ import annotations

import errno
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from enco.notices import say_once

UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
"""Errors of a disk without locks: Lustre mounted with `noflock`, NFS without a lock service."""


@contextmanager
def locked(path: Path, wait: Callable[[], None] | None = None, poll_seconds: float = 1.0) -> Iterator[None]:
    """Hold the lock of a file, which is made if need be, for the block; `wait` is called while another process does.

    Without `wait`, the holder is printed once. On a disk without locks the block runs without one, and a warning is
    printed once. Raises OSError where the file cannot be made or opened, and whatever `wait` raises.
    """
    lock = _lock(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            lock.acquire(timeout=poll_seconds)
        except Timeout:
            if wait:
                wait()
            else:
                say_once(f"Waiting for {holder(path)}, which holds {path}.", (path, "waiting"))
            continue
        except OSError as error:
            _tell_unsupported(error, path)
        break
    with suppress(OSError):  # a full disk
        path.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
    try:
        yield
    finally:
        lock.release()


def holder(path: Path) -> str:
    """Return the last holder of a file's lock, as `process 12 on node7`."""
    with suppress(OSError, ValueError):
        return path.read_text(encoding="utf-8") or "another process"
    return "another process"


def is_locked(path: Path) -> bool:
    """Return whether a living process holds the lock of a file; False without a file, or on a disk without locks."""
    if not path.exists():
        return False
    lock = _lock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError as error:
        _tell_unsupported(error, path)
    lock.release()
    return False


def _lock(path: Path) -> FileLock:
    """Return a lock that never becomes a marker file, which a killed process would leave behind for ever."""
    return FileLock(path, fallback_to_soft=False)


def _tell_unsupported(error: OSError, path: Path) -> None:
    """Print once for each disk that locks are missing there; any other error is raised again."""
    if error.errno not in UNSUPPORTED:
        raise error
    say_once(
        f"warning: The disk of {path.parent} has no locks ({error.strerror}): start no two commands there that write"
        " the same, or have it mounted with flock (docs/cluster.md).",
        (path.parent.stat().st_dev, "no locks"),
    )
