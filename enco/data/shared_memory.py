"""The shared memory through which processes that load images pass batches on, and the error where there is no room."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from enco.errors import UserError, is_full

SHARED_MEMORY = Path("/dev/shm")
AHEAD = 2
"""Batches that each process of a loader prepares ahead, torch's default."""
WORDS = ("shared memory", "Bus error", "torch_shm_manager")
"""Words of torch's errors where there is no room; a page that cannot be had is a bus error."""


def check_shared_memory(workers: int, batch_bytes: int) -> None:
    """Raise UserError unless the batches that `workers` processes hold at a time fit into the free memory."""
    needed = AHEAD * workers * batch_bytes
    if workers and SHARED_MEMORY.is_dir() and (free := shutil.disk_usage(SHARED_MEMORY).free) < needed:
        raise _no_room(f"{free / 2**20:.1f} MiB are free, {needed / 2**20:.1f} are needed")


@contextmanager
def explain_shortage() -> Iterator[None]:
    """Raise UserError where a loader's processes find no room; other errors pass."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        last = str(error).strip().splitlines()[-1] if str(error) else ""
        if is_full(error) or any(word in str(error) for word in WORDS):
            raise _no_room(last) from error
        raise


def _no_room(why: str) -> UserError:
    return UserError(
        f"The processes of --workers have no room in {SHARED_MEMORY} ({why}): give --workers 0, or fewer, or a larger"
        f" {SHARED_MEMORY} (`docker run --shm-size 8g`)."
    )
