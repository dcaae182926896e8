"""The scores of a folder of photos, against their definition followed pixel by pixel."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from enco.data.labels import IGNORE, NAMES
from eval.segmentation.data import MEAN, STD
from eval.segmentation.scores import score_folder
from eval.segmentation.weights import Segmenter

SIZE = (32, 16)
"""Width and height at which photos are scored."""
Map = NDArray[np.uint8]


class Reader(nn.Module):
    """Sees in each pixel the class that its red value spells, ten levels for each."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, photos: Tensor) -> Tensor:
        red = (photos[:, 0] * STD[0] + MEAN[0]) * 255
        return nn.functional.one_hot((red / 10).round().long(), len(NAMES)).movedim(-1, 1)


READER = Segmenter(Reader(), "own", "a reader of colours", "0")  # type: ignore[arg-type]


def draw(folder: Path, seed: int, label_size: tuple[int, int], count: int = 3) -> list[tuple[Map, Map]]:
    """Photos that spell random predictions, and random label maps of another size; gives (prediction, labels).

    Some pixels are ignored; some classes are only true, some only predicted, some neither.
    """
    rng = np.random.default_rng(seed)
    (folder / "photos").mkdir()
    (folder / "labels").mkdir()
    drawn = []
    for index in range(count):
        predicted = rng.choice([0, 1, 2, 5, 11, 18], SIZE[::-1]).astype(np.uint8)
        labels = rng.choice([0, 1, 2, 7, 18, IGNORE], label_size[::-1]).astype(np.uint8)
        Image.fromarray(np.repeat(predicted[..., None] * 10, 3, axis=2)).save(folder / "photos" / f"{index}.png")
        Image.fromarray(labels).save(folder / "labels" / f"{index}.png")
        drawn.append((predicted, labels))
    return drawn


def pixels(drawn: list[tuple[Map, Map]]) -> list[tuple[int, int]]:
    """(truth, prediction) of every pixel that counts; truth is the label nearest to the pixel's middle."""
    width, height = SIZE
    found = []
    for predicted, labels in drawn:
        for y in range(height):
            for x in range(width):
                row, column = int((y + 0.5) * len(labels) / height), int((x + 0.5) * len(labels[0]) / width)
                if labels[row, column] != IGNORE:
                    found.append((int(labels[row, column]), int(predicted[y, x])))
    return found


@pytest.mark.parametrize("label_size", [(256, 128), (100, 70), SIZE])
@pytest.mark.parametrize("seed", [0, 1])
def test_scores_follow_their_definition(seed: int, label_size: tuple[int, int], tmp_path: Path) -> None:
    counted = pixels(draw(tmp_path, seed, label_size))
    ious: dict[str, float | None] = {}
    accuracies = []
    for number, name in enumerate(NAMES):
        true = {i for i, (truth, _) in enumerate(counted) if truth == number}
        predicted = {i for i, (_, prediction) in enumerate(counted) if prediction == number}
        ious[name] = 100 * len(true & predicted) / len(true | predicted) if true | predicted else None
        if true:
            accuracies.append(100 * len(true & predicted) / len(true))
    known = [iou for iou in ious.values() if iou is not None]

    found = score_folder(tmp_path / "photos", tmp_path / "labels", READER, SIZE, batch_size=2).metrics
    assert found.mAP == pytest.approx(sum(known) / len(known))
    assert found.pixAcc == pytest.approx(100 * sum(truth == guess for truth, guess in counted) / len(counted))
    assert found.classAcc == pytest.approx(sum(accuracies) / len(accuracies))
    assert found.perClassIoU.keys() == ious.keys()
    for name, iou in ious.items():
        assert found.perClassIoU[name] == (None if iou is None else pytest.approx(iou)), name
    assert ious["car"] is None and ious["person"] == ious["traffic sign"] == 0, "absent, only predicted, only true"


def test_one_matrix_counts_the_whole_set_not_the_mean_of_images(tmp_path: Path) -> None:
    drawn = draw(tmp_path, 2, (64, 32), count=2)
    Image.fromarray(np.full((32, 64), IGNORE, dtype=np.uint8)).save(tmp_path / "labels" / "1.png")
    whole = score_folder(tmp_path / "photos", tmp_path / "labels", READER, SIZE).metrics
    hits = [truth == guess for truth, guess in pixels(drawn[:1])]
    assert whole.pixAcc == pytest.approx(100 * sum(hits) / len(hits)), "an image of ignored pixels counts for nothing"
    assert not math.isnan(whole.mAP)
