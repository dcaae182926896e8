"""Safetensors files: read back as written, equal for equal content, refused when torn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from enco.errors import Unreadable
from enco.io.safetensors_file import load_safetensors, save_safetensors

TENSORS = {"b": torch.arange(3.0), "a": torch.ones(2, 2, dtype=torch.int64)}


def test_tensors_and_description_are_read_back(tmp_path: Path) -> None:
    save_safetensors(tmp_path / "x.safetensors", TENSORS, {"task": "cat2dog", "name": "\udcff"})
    tensors, about = load_safetensors(tmp_path / "x.safetensors")
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())
    assert about == {"task": "cat2dog", "name": "\\udcff"}


def test_a_file_without_description_is_read(tmp_path: Path) -> None:
    save_safetensors(tmp_path / "x.safetensors", TENSORS, {})
    assert load_safetensors(tmp_path / "x.safetensors")[1] == {}


def test_equal_content_makes_equal_files(tmp_path: Path) -> None:
    for name, about in (("one", {"x": "1", "y": "2"}), ("other", {"y": "2", "x": "1"})):
        save_safetensors(tmp_path / name, dict(sorted(TENSORS.items(), reverse=name == "one")), about)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize("content", [b"", b"12345678", b"<html></html>"])
def test_another_file_is_unreadable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(Unreadable):
        load_safetensors(tmp_path / "x")


def test_a_cut_file_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "x"
    save_safetensors(path, TENSORS, {})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Unreadable):
        load_safetensors(path)
