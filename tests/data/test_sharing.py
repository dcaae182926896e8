"""A /dev/shm that is too small for the processes that load images, for real."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tiny_runs import write_images

TRAIN = "enco.train --method cut --device cpu --threads 1 --epochs 1 0 --tracking off --workers 1 --set ngf=2"
TRAIN += " --set ndf=2 --set n_blocks=1 --set crop_size=32 --set load_size=32 --set head_width=4"


@pytest.mark.parametrize("size", ["4k", "64k"])
def test_a_full_shared_memory_is_one_sentence(tmp_path: Path, size: str) -> None:
    """In 4 KiB not even a lock fits; in 64 KiB the batches under way do, but not what torch adds to them."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs the right to mount a tmpfs")
    data = write_images(tmp_path / "data")
    train = f"{sys.executable} -m {TRAIN} --data {data} --out {tmp_path / 'run'}"
    command = f"mount -t tmpfs -o size={size} tmpfs /dev/shm && {train}"
    done = subprocess.run(["unshare", "--mount", "bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: The processes of --workers have no room in /dev/shm ("), done.stderr
    assert "give --workers 0" in done.stderr
