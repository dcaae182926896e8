"""Published weights: found, downloaded from a real server on this machine, checked, refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from enco.errors import UserError
from enco.io.torch_file import load_tensors
from enco.io.weights import cache_path, published_hash, published_weights
from tests.support.file_server import FileServer

CONTENT = b"weights" * 1000
GOOD = f"net-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
OTHER = "net-00000000.pth"


@pytest.fixture
def server() -> Iterator[FileServer]:
    """Where the same content is served under its own hash and under another."""
    with FileServer({GOOD: CONTENT, OTHER: CONTENT}) as server:
        yield server


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty torch cache."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


def test_missing_weights_are_downloaded_once(server: FileServer, cache: Path) -> None:
    path = published_weights(server.url(GOOD))
    assert path == cache_path(GOOD) == cache / GOOD
    assert path.read_bytes() == CONTENT
    assert list(cache.glob("[!.]*")) == [path]
    assert published_weights(f"http://nowhere.invalid/{GOOD}") == path


def test_a_file_put_by_hand_is_taken(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / GOOD).write_bytes(CONTENT)
    assert published_weights(f"http://nowhere.invalid/{GOOD}").read_bytes() == CONTENT


def test_wrong_content_is_refused_and_not_kept(server: FileServer, cache: Path) -> None:
    with pytest.raises(UserError, match=f"{server.url(OTHER)} .*not the published file .*00000000.*{cache / OTHER}"):
        published_weights(server.url(OTHER))
    assert list(cache.glob("[!.]*")) == []


def test_a_wrong_file_is_named_with_the_cure_and_left_alone(server: FileServer, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / GOOD).write_bytes(b"truncated")
    with pytest.raises(UserError, match=f"{cache / GOOD} is not the published.*move it away.*{server.url(GOOD)}"):
        published_weights(server.url(GOOD))
    assert (cache / GOOD).read_bytes() == b"truncated"


def test_a_file_that_is_not_there_is_named_with_its_place(server: FileServer, tmp_path: Path) -> None:
    target, url = tmp_path / "weights" / "net.pth", server.url("no-00000000.pth")
    with pytest.raises(UserError, match=f"download {url} .*404.*put it at {target}") as error:
        published_weights(url, target)
    assert "\n" not in str(error.value)
    assert list(target.parent.glob("[!.]*")) == []


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Could not download http://127\.0\.0\.1:9/net"):
        published_weights("http://127.0.0.1:9/net-00000000.pth", tmp_path / "net.pth")


def test_a_place_that_cannot_be_written_is_named(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match=rf"Cannot write .*file/net\.pth .* make {tmp_path / 'file'} a folder"):
        published_weights(server.url(GOOD), tmp_path / "file" / "net.pth")


def test_hashes_are_read_from_torchs_names() -> None:
    assert published_hash("vgg16-397923af.pth") == "397923af"
    with pytest.raises(ValueError, match="carries no hash"):
        published_hash("weights.pth")


def test_tensors_are_read_in_both_of_torchs_formats(tmp_path: Path) -> None:
    weights = {"layer.weight": torch.arange(3.0)}
    for zipped in (True, False):
        torch.save(weights, tmp_path / "net.pth", _use_new_zipfile_serialization=zipped)
        assert torch.equal(load_tensors(tmp_path / "net.pth")["layer.weight"], weights["layer.weight"])


def test_nothing_but_tensors_is_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"layer": torch.nn.Linear(1, 1)}, path)
    with pytest.raises(UserError, match=r"net\.pth does not hold network weights"):
        load_tensors(path)


@pytest.mark.parametrize("content", [[torch.zeros(1)], torch.zeros(1), {0: torch.zeros(1)}, {"epoch": 3}])
def test_a_file_without_named_tensors_is_refused(content: object, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save(content, path)
    with pytest.raises(UserError, match=f"{path} does not hold network weights and nothing else: name another file"):
        load_tensors(path)


@pytest.mark.parametrize("content", [b"", b".", b"N.", b"\x80\x02", b"X\x01\x00\x00\x00\xff", b"PK\x03\x04", b"<html>"])
def test_a_torn_file_is_one_sentence_however_it_is_torn(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match="does not hold network weights") as error:
        load_tensors(path)
    assert "\n" not in str(error.value)


def test_a_folder_or_nothing_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    for path, why in ((tmp_path, "Is a directory"), (tmp_path / "none.pth", "No such file or directory")):
        with pytest.raises(UserError, match=rf"The weights {path} cannot be read \({why}\): name a file"):
            load_tensors(path)
