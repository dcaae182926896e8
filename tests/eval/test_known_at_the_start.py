"""What would fail when hours of work are to be written down is said, or works, from the start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from enco.errors import UserError
from enco.io.files import atomic_folder, read_json
from enco.methods.cyclegan import CycleGan
from eval.__main__ import main
from eval.metrics.features import load_features
from tests.support.tiny_runs import run, tiny_config, write_images

ODD = os.fsdecode(b"\xe4 f\xfcr \xd6")
SMALL = {"ngf": 4, "ndf": 4, "n_blocks": 1, "crop_size": 32, "load_size": 36}
RANDOM = ["--extractor", "random-inception", "--input-size", "75", "--device", "cpu"]


def call(*words: str | Path) -> str:
    done = subprocess.run([sys.executable, "-m", *map(str, words)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="replace")


@pytest.fixture
def no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: CycleGan, batch: Any) -> Any:
        raise AssertionError("trained although the result cannot be written")

    monkeypatch.setattr(CycleGan, "step", step)


@pytest.mark.slow
def test_names_that_are_no_utf8_work_to_the_end(tmp_path: Path) -> None:
    data, out = write_images(tmp_path / ODD), tmp_path / f"{ODD} run"
    for name in ("trainA", "testA"):
        (data / name / "0.png").rename(data / name / f"{ODD}.png")
    options = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    line = ["enco.train", "--method", "cyclegan", "--data", data, "--out", out, "--epochs", "1", "0", "--device", "cpu"]
    call(*line, *options)
    assert read_json(out / "run.json")["config"]["task"] == ODD.encode("utf-8", "backslashreplace").decode()
    assert "is finished" in call(*line, *options)
    translated, images = tmp_path / f"{ODD} translated", data / "testA"
    call("eval", "translate", "--generator", out / "generator.safetensors", "--images", images, "--out", translated)
    assert (translated / f"{ODD}.png").exists()
    features = tmp_path / f"{ODD}.npz"
    call("eval", "features", "--images", translated, "--out", features, *RANDOM)
    assert f"{ODD}.png" in load_features(features).files


@pytest.mark.parametrize("name", ["generator.safetensors", "run.json"])
def test_a_result_that_cannot_be_written_is_said_before_training(name: str, tmp_path: Path, no_step: None) -> None:
    data = write_images(tmp_path / "data")
    (tmp_path / "run" / name / "inside").mkdir(parents=True)
    with pytest.raises(UserError, match=f"Cannot write .*{name} .it is a folder.: move that folder away"):
        run(tiny_config(data), tmp_path / "run")


@pytest.mark.parametrize("name", ["checkpoints", "samples", "finished"])
def test_a_folder_that_cannot_be_made_is_said_before_training(name: str, tmp_path: Path, no_step: None) -> None:
    data = write_images(tmp_path / "data")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_text("a file")
    with pytest.raises(UserError, match=f"run/{name}"):
        run(tiny_config(data), tmp_path / "run")


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_without_room_for_a_checkpoint_is_said_before_training(
    tmp_path: Path, no_step: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_images(tmp_path / "data")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(UserError, match=r"The disk of .*run has 0 MB left, and \d+ MB are needed at least"):
        run(tiny_config(data), tmp_path / "run")


def test_a_broken_note_of_the_tracker_fails_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enco.train.start_follower", lambda out: (out / "mlflow.json").write_text("{"))
    out = run(tiny_config(write_images(tmp_path / "data"), n_decay=0, tracking="live"), tmp_path / "run")
    assert "mlflow_run_id" not in read_json(out / "run.json")


@pytest.mark.parametrize("option", ["--out", "--paired-out"])
def test_features_say_first_where_they_cannot_be_written(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.__main__.extractor_of", lambda given: pytest.fail("began to work"))
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "1.png")
    (tmp_path / "folder.npz").mkdir()
    places = {"--out": tmp_path / "a.npz", "--paired-out": tmp_path / "b.npz", option: tmp_path / "folder.npz"}
    words = ["features", "--images", str(tmp_path), "--sources", str(tmp_path), *RANDOM]
    with pytest.raises(UserError, match=r"Cannot write .*folder\.npz .it is a folder"):
        main([*words, *(str(word) for pair in places.items() for word in pair)])


def test_a_folder_whose_name_a_file_has_is_said_before_it_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("kept")
    with pytest.raises(UserError, match="as a file has that name"), atomic_folder(tmp_path / "out"):
        pytest.fail("began to work")
    assert (tmp_path / "out").read_text() == "kept"
