"""Locks, and disks that have none: flock really fails there, by a library that is loaded before the C library."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from enco.io.locks import holder, is_locked, locked

NO_FLOCK = "#include <errno.h>\nint flock(int fd, int operation) { errno = ERRNO; return -1; }\n"
USE = """
import sys
from pathlib import Path
from enco.io.files import atomic_folder
from enco.io.locks import locked
from enco.training.run_folder import exclusive, is_held
from enco.runtime.signals import StopRequest
root = Path(sys.argv[1])
for name in ("a", "b"):
    with atomic_folder(root / name) as folder:
        (folder / "image").touch()
with exclusive(root / "run", StopRequest()):
    print("held" if is_held(root / "run") else "not known to be held")
"""


@pytest.fixture(params=["ENOLCK", "EOPNOTSUPP", "ENOSYS"])
def no_flock(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """An environment in which every call of flock fails."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("needs a C compiler on Linux")
    source, library = tmp_path / "no_flock.c", tmp_path / "no_flock.so"
    source.write_text(NO_FLOCK)
    subprocess.run([compiler, "-shared", "-fPIC", f"-DERRNO={request.param}", source, "-o", library], check=True)
    return {**os.environ, "LD_PRELOAD": str(library)}


def test_a_disk_without_locks_is_one_warning(no_flock: dict[str, str], tmp_path: Path) -> None:
    """Also where a command that was killed, or filelock's stand-in for a lock on another host, left its file behind."""
    root = tmp_path / "disk"
    (root / "run").mkdir(parents=True)
    for left in (root / ".a.lock", root / "run" / ".lock"):
        left.write_text("1234\nsome-other-host\n")
    command = [sys.executable, "-c", USE, str(root)]
    done = subprocess.run(command, env=no_flock, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "not known to be held\n"
    assert done.stderr.count("\n") == 1, done.stderr
    assert f"warning: The disk of {root} has no locks (" in done.stderr and "docs/cluster.md" in done.stderr
    assert (root / "a" / "image").exists() and (root / "b" / "image").exists()


def test_a_command_goes_on_without_locks(no_flock: dict[str, str], tmp_path: Path) -> None:
    words = f"enco.datasets demo --dataset horse2zebra --size 16 --scale-counts 0.01 --out {tmp_path / 'data'}"
    command = [sys.executable, "-m", *words.split()]
    done = subprocess.run(command, env=no_flock, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("warning: ") and done.stderr.count("\n") == 1, done.stderr


def test_another_error_is_no_missing_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("fcntl.flock", fail)
    with pytest.raises(OSError, match="Input/output error"), locked(tmp_path / "lock"):
        pytest.fail("it is not locked")


def test_a_lock_names_who_holds_it_and_goes_with_the_block(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    assert not is_locked(path)
    with locked(path):
        assert is_locked(path)
        assert holder(path) == f"process {os.getpid()} on {platform.node()}"
    assert not is_locked(path)


def test_whoever_waits_says_for_whom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A server may keep the lock of a process that is gone, and a user has to know whose it was."""
    path, took = tmp_path / "lock", threading.Event()

    def take() -> None:
        with locked(path, poll_seconds=0.01):
            took.set()

    waiting = threading.Thread(target=take)
    with locked(path):
        waiting.start()
        while "Waiting" not in (said := capsys.readouterr().err):
            assert not took.wait(0.01)
    waiting.join()
    assert took.is_set()
    assert said == f"Waiting for process {os.getpid()} on {platform.node()}, which holds {path}.\n"


def test_whoever_waits_can_give_up(tmp_path: Path) -> None:
    def give_up() -> None:
        raise TimeoutError

    with locked(tmp_path / "lock"):
        with pytest.raises(TimeoutError), locked(tmp_path / "lock", give_up, poll_seconds=0.01):
            pytest.fail("it was held twice")
        assert is_locked(tmp_path / "lock")
