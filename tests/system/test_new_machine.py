"""Metrics where no weights are yet: folders are looked at first, then weights come from a server and are proven."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pytorch_fid.inception import FID_WEIGHTS_URL

from enco.errors import UserError
from eval.metrics import inception_weights
from tests.eval.test_eval_cli import CPU, call, write_photos
from tests.eval.test_fid_of_folders import torch_home
from tests.support.file_server import FileServer

__all__ = ["torch_home"]


@pytest.fixture
def server(torch_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Make an Inception of random weights, published under a name with its hash; this machine's cache is empty."""
    content = (torch_home / "hub" / "checkpoints" / Path(FID_WEIGHTS_URL).name).read_bytes()
    name = f"inception-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    with FileServer({name: content}) as server:
        monkeypatch.setattr(inception_weights, "FID_WEIGHTS_URL", server.url(name))
        yield server


def cached(tmp_path: Path) -> list[Path]:
    return [file for file in (tmp_path / "cache").rglob("*") if file.is_file() and not file.name.startswith(".")]


def test_fid_fetches_its_weights_once_and_says_so(
    server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = write_photos(tmp_path / "a", 2), write_photos(tmp_path / "b", 2, seed=1)
    for _ in range(2):
        call("fid", a, b, *CPU)
    (file,) = cached(tmp_path)
    assert file.parent == tmp_path / "cache" / "hub" / "checkpoints"
    assert hashlib.sha256(file.read_bytes()).hexdigest().startswith(file.stem.rpartition("-")[2])
    out, err = capsys.readouterr()
    assert out.count("FID ") == 2 and f"sha256 {file.stem.rpartition('-')[2]}" in out
    assert err.count(f"Fetching {inception_weights.FID_WEIGHTS_URL} to {file}.") == 1
    assert len(server.requests) == 1


@pytest.mark.parametrize("command", [["fid"], ["pr", "-k", 1]])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("missing", r"image folder .*/b does not exist"),
        ("empty", r"image folder .*/b holds no image"),
        ("torn", r"1\.png is truncated or not an image"),
    ],
)
def test_folders_are_looked_at_before_weights(
    server: FileServer, tmp_path: Path, command: list[object], fault: str, message: str
) -> None:
    a, b = write_photos(tmp_path / "a", 3), tmp_path / "b"
    if fault != "missing":
        write_photos(b, 0 if fault == "empty" else 3)
    if fault == "torn":
        (b / "1.png").write_bytes((b / "1.png").read_bytes()[:70])
    with pytest.raises(UserError, match=message):
        call(*command, a, b, *CPU)
    assert not cached(tmp_path) and not server.requests


def test_features_and_their_sources_are_looked_at_before_weights(server: FileServer, tmp_path: Path) -> None:
    photos, paired = write_photos(tmp_path / "a", 2), ["--sources", tmp_path / "gone", "--paired-out", tmp_path / "p"]
    for words in (["--images", tmp_path / "gone"], ["--images", photos, *paired]):
        with pytest.raises(UserError, match="gone does not exist"):
            call("features", *words, "--out", tmp_path / "f.npz", *CPU)
    assert not cached(tmp_path) and not server.requests


def test_segmentation_looks_at_folders_before_weights(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "a", 2)
    words = ["--images", photos, "--labels", tmp_path / "gone"]
    with pytest.raises(UserError, match="gone does not exist"):
        call("segmentation", *words, "--drn", tmp_path / "no.safetensors", *CPU)
    with pytest.raises(UserError, match="gone does not exist"):
        call("drn-train", *words, "--out", tmp_path / "o.safetensors", "--trunk", "imagenet", *CPU)


def test_what_a_server_sends_is_proven(server: FileServer, tmp_path: Path) -> None:
    name = inception_weights.FID_WEIGHTS_URL.rpartition("/")[2]
    server.files = {name: b"something else"}
    photos = write_photos(tmp_path / "a", 2)
    with pytest.raises(UserError, match=r"is not the published file .*its SHA-256 starts with"):
        call("fid", photos, photos, *CPU)
    assert not cached(tmp_path)
