"""GPUs of one machine, each for one job at a time: whoever holds its lock file has it.

A GPU that is named several times has as many places, each for one job at a time.
A lock goes with its process, however that ends, and holds for every workflow of this user's on the machine.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

POLL_SECONDS = 0.2


def lock_folder(parent: Path = Path("/tmp")) -> Path:
    """This user's folder of lock files on this machine, whatever TMPDIR says.

    Raises RuntimeError if the name is another user's, or no folder's.
    """
    folder = parent / f"snakemake-submitit-gpus-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise RuntimeError(f"{folder} should be a folder of this user's, for lock files: set TMPDIR to another place.")
    return folder


@contextmanager
def claim(count: int, devices: Sequence[str], folder: Path | None = None) -> Iterator[list[str]]:
    """Hold `count` of these devices within the block, waiting for them as long as it takes; each is named once.

    Raises ValueError if there are not so many.
    """
    if count > len(devices):
        raise ValueError(f"{count} GPUs are asked for, but there are only {len(devices)}.")
    folder = folder or lock_folder()
    while True:
        with ExitStack() as held:
            taken = _take(count, devices, folder, held)
            if len(taken) == count:
                yield list(dict.fromkeys(taken))
                return
        time.sleep(POLL_SECONDS)  # all or none: two jobs that each hold half would wait for ever


def _take(count: int, devices: Sequence[str], folder: Path, held: ExitStack) -> list[str]:
    taken: list[str] = []
    for device, place in _places(devices):
        if len(taken) == count:
            break
        with contextlib.suppress(Timeout):
            lock = FileLock(folder / f"{place.replace('/', '-')}.lock", timeout=0)
            held.enter_context(lock)
            taken.append(device)
    return taken


def _places(devices: Sequence[str]) -> list[tuple[str, str]]:
    """Each device with a name of its own: 0, 1, 0, 0 are 0, 1, 0.1 and 0.2."""
    before = [devices[:index].count(device) for index, device in enumerate(devices)]
    return [(device, f"{device}.{n}" if n else device) for device, n in zip(devices, before, strict=True)]


def visible_devices(count: int) -> list[str]:
    """The first `count` that CUDA_VISIBLE_DEVICES of this process names, else of the machine."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return [str(index) for index in range(count)]
    return [name.strip() for name in named.split(",") if name.strip()][:count]
