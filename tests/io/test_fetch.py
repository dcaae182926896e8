"""Published files: fetched once from a real server on this machine, resumed, proven, or refused in one sentence."""

from __future__ import annotations

import hashlib
import io
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tenacity import RetryCallState, Retrying, wait_none

from enco.errors import UserError
from enco.io import fetch as fetching
from enco.io.fetch import WAIT, Published, fetch
from tests.support.file_server import FileServer
from tests.support.tmpfs import tmpfs

MIB = 2**20
CONTENT = random.Random(1).randbytes(4 * MIB + 12345)
HASH = hashlib.sha256(CONTENT).hexdigest()
KNOWN = Published(HASH, len(CONTENT))
UNKNOWN = Published()
DOWNLOAD = """
import sys
from pathlib import Path
from enco.io.fetch import Published, fetch
fetch(sys.argv[1], Path(sys.argv[2]), Published(sys.argv[3]))
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "WAIT", wait_none())


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({"a.zip": CONTENT}) as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archives" / "a.zip"


def part_of(path: Path) -> Path:
    return path.with_name(".a.zip.part")


def leave_part(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    part_of(path).write_bytes(content)


def left_in(folder: Path) -> list[str]:
    """What is in a folder besides the lock."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def download_elsewhere(server: FileServer, path: Path) -> subprocess.Popen[str]:
    """Another process that fetches the file."""
    command = [sys.executable, "-c", DOWNLOAD, server.url("a.zip"), str(path), HASH]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@contextmanager
def no_rights_in(folder: Path) -> Iterator[None]:
    """Let nobody write in a folder; who is root is another user for that long."""
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o755)


def refusal(url: str, path: Path, published: Published = KNOWN) -> str:
    """The one sentence that a fetch ends with."""
    with pytest.raises(UserError) as error:
        fetch(url, path, published)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("published", [KNOWN, UNKNOWN, Published(HASH[:8]), Published(bytes=len(CONTENT))])
def test_a_missing_file_is_fetched_once(server: FileServer, path: Path, published: Published) -> None:
    for _ in range(2):
        assert fetch(server.url("a.zip"), path, published) == path
    assert path.read_bytes() == CONTENT
    assert left_in(path.parent) == ["a.zip"]
    assert [(request.sent, request.accepts) for request in server.requests] == [(len(CONTENT), "identity")]


def test_a_file_that_was_put_there_needs_no_server_and_no_writable_folder(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "size=8m") as disk:
        (disk / "a.zip").write_bytes(CONTENT)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert fetch("http://nowhere.invalid/a.zip", disk / "a.zip", KNOWN).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("published", "why"),
    [
        (Published(bytes=34), "it has 12 bytes, not 34"),
        (Published("00000000"), "its SHA-256 starts with [0-9a-f]{16}, not 00000000"),
        (Published("0" * 64, 12), "its SHA-256 starts with [0-9a-f]{16}, not 0{16}"),
    ],
)
def test_a_wrong_file_is_named_with_the_cure_and_left_alone(path: Path, published: Published, why: str) -> None:
    path.parent.mkdir()
    path.write_bytes(b"twelve bytes")
    with pytest.raises(UserError, match=rf"{path} is not the published file \({why}\): move it away and run again, or"):
        fetch("http://127.0.0.1:9/a.zip", path, published)
    assert path.read_bytes() == b"twelve bytes"


def test_a_folder_in_the_place_of_a_file_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    assert "(it is not a file)" in refusal("http://127.0.0.1:9/a.zip", path, UNKNOWN)


def test_a_folder_in_the_place_of_a_part_is_named(server: FileServer, path: Path) -> None:
    part_of(path).mkdir(parents=True)
    sentence = refusal(server.url("a.zip"), path)
    assert sentence.startswith(f"Cannot write {path} (Is a directory: {part_of(path)}): move that folder away, or")


def test_a_name_that_is_too_long_is_named(server: FileServer, path: Path) -> None:
    for length in (250, 300):
        assert "choose a shorter name" in refusal(server.url("a.zip"), path.with_name("a" * length))


def test_a_broken_connection_is_gone_on_from(server: FileServer, path: Path) -> None:
    server.break_after, server.breaks = 2 * MIB, 2
    fetch(server.url("a.zip"), path, KNOWN)
    assert path.read_bytes() == CONTENT
    assert [request.range for request in server.requests] == [None, f"bytes={2 * MIB}-", f"bytes={4 * MIB}-"]
    assert sum(request.sent for request in server.requests) == len(CONTENT)


def test_a_connection_that_always_breaks_leaves_its_part_for_the_next_call(
    server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "CHUNK", 2**16)
    server.break_after, server.breaks = MIB // 2, math.inf
    assert f"Could not download {server.url('a.zip')} (" in refusal(server.url("a.zip"), path)
    assert len(server.requests) == fetching.TRIES
    assert left_in(path.parent) == [".a.zip.part"]
    server.breaks = 0
    fetch(server.url("a.zip"), path, KNOWN)
    assert server.requests[-1].range == f"bytes={fetching.TRIES * MIB // 2}-"
    assert sum(request.sent for request in server.requests) == len(CONTENT)


def test_a_killed_process_is_gone_on_from(server: FileServer, path: Path) -> None:
    server.pause = 0.05
    process = download_elsewhere(server, path)
    while not part_of(path).exists() or part_of(path).stat().st_size < MIB:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    server.pause = 0
    kept = part_of(path).stat().st_size
    assert MIB <= kept < len(CONTENT) and not path.exists()
    fetch(server.url("a.zip"), path, KNOWN)
    assert path.read_bytes() == CONTENT
    assert [(request.range, request.sent) for request in server.requests[1:]] == [
        (f"bytes={kept}-", len(CONTENT) - kept)
    ]


def test_an_interrupted_call_leaves_its_part(server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    leave_part(path, CONTENT[:MIB])
    with monkeypatch.context() as patch:
        patch.setattr(fetching._Download, "receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch(server.url("a.zip"), path, KNOWN)
    assert part_of(path).stat().st_size == MIB
    fetch(server.url("a.zip"), path, KNOWN)
    assert server.requests[-1].range == f"bytes={MIB}-"


@pytest.mark.parametrize("published", [KNOWN, Published(HASH[:8])])
def test_a_part_that_is_whole_is_only_renamed(path: Path, published: Published) -> None:
    leave_part(path, CONTENT)
    fetch("http://nowhere.invalid/a.zip", path, published)
    assert path.read_bytes() == CONTENT
    assert left_in(path.parent) == ["a.zip"]


def test_a_server_that_does_not_go_on_sends_the_file_anew(server: FileServer, path: Path) -> None:
    leave_part(path, b"something else" * 1000)
    server.ignore_range = True
    fetch(server.url("a.zip"), path, UNKNOWN)
    assert path.read_bytes() == CONTENT
    assert [(request.range, request.status) for request in server.requests] == [("bytes=14000-", 200)]


@pytest.mark.parametrize("published", [KNOWN, UNKNOWN])
def test_a_part_that_is_too_long_is_fetched_anew(server: FileServer, path: Path, published: Published) -> None:
    leave_part(path, CONTENT + b"!")
    fetch(server.url("a.zip"), path, published)
    assert path.read_bytes() == CONTENT
    assert [request.status for request in server.requests] == [416, 200]


def test_a_moved_file_is_followed_and_gone_on_from(server: FileServer, path: Path) -> None:
    leave_part(path, CONTENT[:MIB])
    server.moved = {"old.zip": "a.zip"}
    fetch(server.url("old.zip"), path, KNOWN)
    assert [request.status for request in server.requests] == [302, 206]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(
    server: FileServer, path: Path, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    server.statuses = [status, status]
    fetch(server.url("a.zip"), path, KNOWN)
    assert [request.status for request in server.requests] == [status, status, 200]
    assert capsys.readouterr().err.count(f"{server.url('a.zip')}: the server answers {status}") == 2


@pytest.mark.parametrize("knob", ["delay", "pause"])
def test_a_silent_server_is_asked_again(
    server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch, knob: str
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT", 0.2)
    monkeypatch.setattr(fetching._Download, "announce_retry", lambda *_: setattr(server, knob, 0.0))
    setattr(server, knob, 1.0)
    fetch(server.url("a.zip"), path, KNOWN)
    assert [request.range for request in server.requests] == [None, None]


def test_what_a_part_holds_survives_a_busy_server(server: FileServer, path: Path) -> None:
    leave_part(path, CONTENT[:MIB])
    server.statuses = [503] * fetching.TRIES
    assert "(the server answers 503 Service Unavailable)" in refusal(server.url("a.zip"), path)
    fetch(server.url("a.zip"), path, KNOWN)
    assert server.requests[-1].range == f"bytes={MIB}-"


def test_tries_are_further_and_further_apart() -> None:
    state = RetryCallState(Retrying(), None, (), {})
    waits = []
    for state.attempt_number in range(1, 8):
        waits.append(WAIT(state))
    assert waits == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_file_that_is_not_to_be_had_is_named_with_its_place(server: FileServer, path: Path, status: int) -> None:
    url = server.url("a.zip")
    server.statuses = [status]
    sentence = refusal(url, path)
    assert sentence.startswith(f"Could not download {url} (the server answers {status} ")
    assert sentence.endswith(f": fetch it by hand and put it at {path}.")
    assert len(server.requests) == 1
    assert left_in(path.parent) == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:9/a.zip", "Connection refused"),
        ("http://nowhere.invalid/a.zip", ".*"),
        ("nowhere/a.zip", "Invalid URL .*"),
    ],
)
def test_without_a_server_there_is_one_try_and_one_sentence(
    path: Path, url: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TRIES", math.inf)
    with pytest.raises(UserError, match=rf"^Could not download {url} \({reason}\): fetch it by hand and .* {path}\.$"):
        fetch(url, path, KNOWN)
    assert left_in(path.parent) == []


def test_a_server_that_goes_down_midway_is_asked_again_and_named(
    server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.break_after = 2 * MIB
    tries = []
    monkeypatch.setattr(fetching._Download, "announce_retry", lambda *_: tries.append(server.stop()))
    assert "(Connection refused)" in refusal(server.url("a.zip"), path)
    assert len(tries) == fetching.TRIES - 1
    assert part_of(path).stat().st_size == 2 * MIB


@pytest.mark.parametrize(
    ("published", "why"),
    [
        (Published(HASH, 34), f"it has {len(CONTENT)} bytes, not 34"),
        (Published("00000000", len(CONTENT)), f"its SHA-256 starts with {HASH[:16]}, not 00000000"),
    ],
)
def test_wrong_content_is_refused_and_not_kept(server: FileServer, path: Path, published: Published, why: str) -> None:
    url = server.url("a.zip")
    sentence = refusal(url, path, published)
    assert sentence == (
        f"What {url} sends is not the published file ({why}): run again, or fetch it elsewhere and put it at {path}."
    )
    assert left_in(path.parent) == []
    fetch(url, path, KNOWN)
    assert path.read_bytes() == CONTENT


def test_a_web_page_in_the_place_of_an_unknown_file_is_refused(server: FileServer, path: Path) -> None:
    leave_part(path, CONTENT[:MIB])
    server.content_type, server.ignore_range = "text/html; charset=utf-8", True
    assert "sends a web page instead of the file: open it in a browser" in refusal(server.url("a.zip"), path, UNKNOWN)
    assert part_of(path).stat().st_size == MIB
    assert fetch(server.url("a.zip"), path, KNOWN).read_bytes() == CONTENT


def test_two_processes_that_want_one_file_fetch_it_once(server: FileServer, path: Path) -> None:
    server.pause = 0.01
    processes = [download_elsewhere(server, path) for _ in range(2)]
    assert [process.communicate()[1] for process in processes] == ["", ""]
    assert [process.returncode for process in processes] == [0, 0]
    assert path.read_bytes() == CONTENT
    assert [request.sent for request in server.requests] == [len(CONTENT)]


def test_a_full_disk_is_named_and_the_part_removed(server: FileServer, tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "size=2m") as disk:
        path = disk / "a.zip"
        assert f"Disk full while writing {path}: free some space and run again" in refusal(server.url("a.zip"), path)
        assert left_in(disk) == []
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        assert fetch(server.url("a.zip"), path, KNOWN).read_bytes() == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize("folder", [".", "new/folder"])
def test_a_read_only_folder_is_named(server: FileServer, tmp_path: Path, folder: str) -> None:
    with tmpfs(tmp_path / "disk", "ro") as disk:
        path = disk / folder / "a.zip"
        sentence = refusal(server.url("a.zip"), path)
        assert sentence.startswith(f"Cannot write {path} (Read-only file system: ")
        assert f"make {path.parent} a folder that you may write to" in sentence
    assert server.requests == []


def test_a_folder_without_permission_is_named(server: FileServer) -> None:
    with TemporaryDirectory() as name, no_rights_in(Path(name)):
        path = Path(name) / "new" / "a.zip"
        assert refusal(server.url("a.zip"), path).startswith(f"Cannot write {path} (Permission denied: ")
    assert server.requests == []


def test_no_bar_is_drawn_into_a_log(server: FileServer, path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fetch(server.url("a.zip"), path, KNOWN)
    assert capfd.readouterr() == ("", "")


def test_a_bar_is_drawn_on_a_terminal(server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    fetch(server.url("a.zip"), path, KNOWN)
    assert "100%" in sys.stderr.getvalue()  # type: ignore[attr-defined]
