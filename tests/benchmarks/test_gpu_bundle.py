"""The bundle of a run's files: what it leaves out, and what becomes of a run that cannot write one."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from benchmarks.gpu.__main__ import check, keep_results
from benchmarks.gpu.bundle import BUNDLE, bundle
from enco.errors import UserError


def test_a_bundle_is_small_and_says_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.gpu.bundle.LARGEST", 100)
    out = tmp_path / "out"
    (out / "training").mkdir(parents=True)
    sizes = {"training/small.png": 5, "training/large.png": 200, "jobs.csv": 45, "summary.txt": 30}
    sizes |= {"huge.csv": 101, "trace-recorded.json.gz": 5, "trace-compiled.json.gz": 20}
    for name, size in sizes.items():
        (out / name).write_bytes(os.urandom(size))
    for _ in range(2):  # the second time over the files of the first, which are no part of it
        assert bundle(out, out / "few") == ["huge.csv", "training/large.png", "trace-compiled.json.gz"]
    assert {path.name for path in (out / "few").iterdir()} == {BUNDLE, "jobs.csv", "summary.txt"}
    with tarfile.open(out / "few" / BUNDLE) as archive:
        assert archive.getnames() == ["summary.txt", "jobs.csv", "training/small.png", "trace-recorded.json.gz"]
        content = archive.extractfile("jobs.csv")
        assert content and content.read() == (out / "jobs.csv").read_bytes() == (out / "few" / "jobs.csv").read_bytes()


def test_a_folder_of_the_bundle_that_takes_no_files_is_refused_first_and_later_costs_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Cannot write"):
        check(tmp_path / "out", None, tmp_path / "file" / "few")
    keep_results(tmp_path, tmp_path / "file" / "few")
    assert "The bundle is not made" in capsys.readouterr().err and (tmp_path / "summary.txt").exists()
