"""Segmentation scores by hand, and a network trained on label maps it can learn."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file

from enco.data.folders import TRAIN_IDS
from enco.data.labels import IGNORE, LABEL_IDS, NAMES, train_ids
from enco.datasets.demo.palettes import CITYSCAPES
from enco.errors import UserError
from enco.runtime.signals import GO_ON_LATER, StopRequest
from eval.config import DrnRecipe
from eval.segmentation.data import load_label_maps, load_photos, pairs
from eval.segmentation.scores import confusion_matrix, score_folder, scores
from eval.segmentation.train import train_segmenter
from eval.segmentation.weights import load_segmenter
from tests.support.tiny_runs import assert_same

CPU = torch.device("cpu")
SKY, ROAD = NAMES.index("sky"), NAMES.index("road")


def test_classes_are_the_19_of_cityscapes() -> None:
    assert list(LABEL_IDS.values()) == [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    assert list(CITYSCAPES) == list(NAMES), "the demo's colours are in the same order"
    assert (*range(len(NAMES)), IGNORE) == TRAIN_IDS, "what a data folder's label maps may hold"
    assert train_ids(np.array([7, 33, 0, 29, 255], dtype=np.uint8)).tolist() == [0, 18, IGNORE, IGNORE, IGNORE]


def test_confusion_matrix_by_hand() -> None:
    truth = torch.tensor([[0, 0, 1], [1, 2, 255]], dtype=torch.uint8)
    predicted = torch.tensor([[0, 1, 1], [1, 0, 2]])
    assert confusion_matrix(truth, predicted, 3).tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]


def test_scores_by_hand() -> None:
    matrix = torch.zeros(19, 19, dtype=torch.int64)
    matrix[0, 0], matrix[0, 1], matrix[1, 1], matrix[2, 0] = 6, 2, 3, 1
    found = scores(matrix)
    ious = [6 / 9, 3 / 5, 0 / 1]
    assert found.mAP == pytest.approx(100 * sum(ious) / 3)
    assert found.pixAcc == pytest.approx(100 * 9 / 12)
    assert found.classAcc == pytest.approx(100 * (6 / 8 + 1 + 0) / 3)
    assert found.perClassIoU["sidewalk"] == pytest.approx(60)
    assert found.perClassIoU["bicycle"] is None, "a class that never occurs has no IoU"


@given(st.lists(st.tuples(st.integers(0, 18), st.integers(0, 18)), min_size=1, max_size=60), st.integers(0, 18))
def test_ignored_pixels_change_nothing(pixels: list[tuple[int, int]], guess: int) -> None:
    truth, predicted = (torch.tensor(values) for values in zip(*pixels, strict=True))
    more = torch.cat([truth, torch.tensor([IGNORE])]), torch.cat([predicted, torch.tensor([guess])])
    assert scores(confusion_matrix(*more, 19)) == scores(confusion_matrix(truth, predicted, 19))


@given(st.lists(st.integers(0, 18), min_size=1, max_size=60))
def test_a_perfect_prediction_scores_100(labels: list[int]) -> None:
    truth = torch.tensor(labels)
    found = scores(confusion_matrix(truth, truth, 19))
    assert (found.mAP, found.pixAcc, found.classAcc) == (100, 100, 100)


def draw_horizons(root: Path, count: int, size: int = 32) -> tuple[Path, Path]:
    """Blue sky over grey road, the horizon anywhere; the corner pixel is ignored."""
    photos, labels = root / "photos", root / "labels"
    photos.mkdir(parents=True)
    labels.mkdir()
    rng = np.random.default_rng(count)
    for index in range(count):
        horizon = 8 * rng.integers(1, size // 8)
        photo = rng.integers(0, 40, (size, size, 3)) + np.array([90, 90, 90])
        photo[:horizon] += np.array([-60, 0, 110])
        truth = np.full((size, size), ROAD)
        truth[:horizon], truth[0, 0] = SKY, IGNORE
        Image.fromarray(photo.astype(np.uint8)).save(photos / f"{index}.png")
        Image.fromarray(truth.astype(np.uint8)).save(labels / f"{index}.png")
    return photos, labels


def test_a_trained_network_finds_what_it_was_shown(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    photos, labels = draw_horizons(tmp_path / "train", 24)
    held_out = draw_horizons(tmp_path / "test", 6)
    path = tmp_path / "drn.safetensors"
    recipe = DrnRecipe(width=1 / 8, size=(32, 32), epochs=8, batch_size=4, lr=0.05)
    train_segmenter(photos, labels, path, recipe, CPU)
    segmenter = load_segmenter(path, CPU)
    result = score_folder(*held_out, segmenter, (32, 32))
    assert result.metrics.pixAcc > 85
    assert result.protocol.drn.startswith("own DRN")
    assert result.protocol.drn_hash == segmenter.sha256
    assert result == score_folder(*held_out, segmenter, (32, 32), batch_size=5)


def test_same_seed_trains_the_same_weights(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    folders = draw_horizons(tmp_path, 6)
    files = [tmp_path / name for name in ("a.safetensors", "b.safetensors", "c.safetensors")]
    for file, seed in zip(files, (0, 0, 1), strict=True):
        recipe = DrnRecipe(width=1 / 16, size=(16, 16), epochs=1, batch_size=4)
        train_segmenter(*folders, file, recipe, CPU, seed=seed)
    a, b, c = (load_segmenter(file, CPU).network.seg.weight for file in files)
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.set_num_threads(1)
    folders = draw_horizons(tmp_path, 6)
    recipe = DrnRecipe(width=1 / 16, size=(16, 16), epochs=4, batch_size=2, step=2)
    whole, broken = tmp_path / "whole.safetensors", tmp_path / "broken.safetensors"
    train_segmenter(*folders, whole, recipe, CPU)
    with pytest.raises(KeyboardInterrupt):
        train_segmenter(*folders, broken, recipe, CPU, stop=KilledInEpoch(3, batches=3))
    assert not broken.exists()
    train_segmenter(*folders, broken, recipe, CPU)
    assert "Going on after epoch 2" in capsys.readouterr().out
    assert_same(load_file(broken), load_file(whole))
    assert not list(tmp_path.glob(".*checkpoint*")), "a finished training leaves its network alone"


def test_a_checkpoint_of_another_training_is_not_gone_on_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.set_num_threads(1)
    folders = draw_horizons(tmp_path, 6)
    recipes = [DrnRecipe(width=1 / 16, size=(16, 16), epochs=2, batch_size=2, lr=lr) for lr in (0.01, 0.02)]
    out, other = tmp_path / "out.safetensors", tmp_path / "other.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train_segmenter(*folders, out, recipes[0], CPU, stop=KilledInEpoch(2, batches=3))
    for file in (out, other):
        train_segmenter(*folders, file, recipes[1], CPU)
    assert "of other images or settings" in capsys.readouterr().out
    assert_same(load_file(out), load_file(other))


class KilledInEpoch(StopRequest):
    """A stop request that nobody is asked for twice: the process ends in the first batch of an epoch."""

    def __init__(self, epoch: int, batches: int) -> None:
        self.left = (epoch - 1) * batches

    @property
    def by(self) -> str | None:  # type: ignore[override]
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return None


@pytest.mark.slow
def test_a_training_that_is_asked_to_stop_and_killed_goes_on(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    photos, labels = draw_horizons(tmp_path, 8)
    out, whole = tmp_path / "drn.safetensors", tmp_path / "whole.safetensors"
    recipe = ["--width", "0.0625", "--size", "16", "16", "--epochs", "30", "--batch-size", "2"]
    files = ["--images", str(photos), "--labels", str(labels), "--out", str(out)]
    command = [sys.executable, "-m", "eval", "drn-train", *files, *recipe, "--device", "cpu", "--threads", "1"]
    statuses = []
    for number in (signal.SIGUSR2, signal.SIGKILL):
        before = checkpointed(tmp_path)
        process = subprocess.Popen(command)
        while checkpointed(tmp_path) <= before:
            assert process.poll() is None, "it ended before it was stopped"
            time.sleep(0.01)
        process.send_signal(number)
        statuses.append(process.wait())
    assert statuses == [GO_ON_LATER, -signal.SIGKILL]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Going on after epoch" in said
    train_segmenter(photos, labels, whole, DrnRecipe(width=1 / 16, size=(16, 16), epochs=30, batch_size=2), CPU)
    assert_same(load_file(out), load_file(whole))


def checkpointed(folder: Path) -> float:
    """When the checkpoint in a folder was written; 0 if there is none."""
    return max((file.stat().st_mtime for file in folder.glob(".drn.checkpoint")), default=0)


def test_photos_are_smoothed_and_labels_are_not(tmp_path: Path) -> None:
    checks = (np.indices((16, 16)).sum(axis=0) % 2).astype(np.uint8)
    Image.fromarray(checks * 18).save(tmp_path / "l.png")
    Image.fromarray(np.repeat(checks[..., None] * 255, 3, axis=2)).save(tmp_path / "p.png")
    assert set(load_label_maps([tmp_path / "l.png"], (8, 8)).unique().tolist()) <= {0, 18}
    photo = load_photos([tmp_path / "p.png"], (8, 4))
    assert photo.shape == (1, 3, 4, 8) and 0 < photo[..., 2, 4].min() < 255


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    photos, labels = draw_horizons(tmp_path, 2)
    (labels / "1.png").unlink()
    with pytest.raises(UserError, match=r"no label map for 1\.png"):
        pairs(photos, labels)
    Image.fromarray(np.full((4, 4), 33, dtype=np.uint8)).save(labels / "1.png")
    with pytest.raises(UserError, match="holds 33, which is no trainId"):
        load_label_maps([labels / "1.png"], (4, 4))
    with pytest.raises(UserError, match="multiples of 8"):
        train_segmenter(photos, labels, tmp_path / "x.safetensors", DrnRecipe(size=(30, 32)), CPU)


def test_a_loss_that_is_not_finite_leaves_no_file(tmp_path: Path) -> None:
    photos, labels = draw_horizons(tmp_path, 2)
    for file in labels.iterdir():
        Image.fromarray(np.full((32, 32), IGNORE, dtype=np.uint8)).save(file)
    out = tmp_path / "x.safetensors"
    with pytest.raises(UserError, match="loss is nan in epoch 1"):
        train_segmenter(photos, labels, out, DrnRecipe(width=1 / 16, size=(16, 16), epochs=1), CPU)
    assert not out.exists()
