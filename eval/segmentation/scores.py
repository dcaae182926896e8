"""Segmentation scores: how well a network finds the true labels in (translated) photos."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from enco.data.folders import decode_ahead
from enco.data.labels import NAMES
from enco.data.reading import DEFAULT_READING, Reading
from enco.io.files import StrPath
from eval.records import SegmentationMetrics, SegmentationProtocol, SegmentationScores
from eval.segmentation.data import Size, check_size, load_label_map, load_photo, normalise, pairs
from eval.segmentation.weights import Segmenter


def score_folder(
    images: StrPath,
    labels: StrPath,
    segmenter: Segmenter,
    size: Size,
    batch_size: int = 8,
    reading: Reading = DEFAULT_READING,
) -> SegmentationScores:
    """Score a folder of photos against the label maps of the same stems, at (width, height) `size`.

    Raises UserError for a photo without a label map and for files that cannot be read.
    """
    return score_matrices(confusion_matrices(images, labels, segmenter, size, batch_size, reading), segmenter, size)


def confusion_matrices(
    images: StrPath,
    labels: StrPath,
    segmenter: Segmenter,
    size: Size,
    batch_size: int = 8,
    reading: Reading = DEFAULT_READING,
) -> Tensor:
    """Count the pixels of each photo of a folder, N x classes x classes; arguments and errors are `score_folder`'s."""
    check_size(size)
    device = next(segmenter.network.parameters()).device
    found: list[Tensor] = []
    matched = pairs(Path(images), Path(labels), reading.recursive)

    def load(pair: tuple[Path, Path]) -> tuple[Tensor, Tensor]:
        return load_photo(pair[0], size, reading.levels), load_label_map(pair[1], size)

    for batch in decode_ahead(matched, load, batch_size):
        photos, maps = (torch.stack(loaded) for loaded in zip(*batch, strict=True))
        predicted = predict(segmenter, photos.to(device))
        found += map(partial(confusion_matrix, classes=len(NAMES)), maps, predicted.cpu())
    return torch.stack(found)


def score_matrices(matrices: Tensor, segmenter: Segmenter, size: Size) -> SegmentationScores:
    """Score the confusion matrices of a set of photos, N x classes x classes, as one matrix of all pixels."""
    protocol = SegmentationProtocol(
        drn=segmenter.label,
        drn_network=segmenter.name,
        drn_hash=segmenter.sha256,
        drn_size=list(size),
        n=len(matrices),
    )
    return SegmentationScores(metrics=scores(matrices.sum(dim=0)), protocol=protocol)


@torch.inference_mode()
def predict(segmenter: Segmenter, photos: Tensor) -> Tensor:
    """Return the most likely class of every pixel, B x H x W, at a single scale; photos are B x 3 x H x W bytes."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
        return segmenter.network(normalise(photos)).argmax(dim=1)


def confusion_matrix(truth: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Count pixels, classes x classes: row = true class, column = predicted; truth outside the classes is left out."""
    counted = truth < classes
    cells = truth[counted].long() * classes + predicted[counted].long()
    return torch.bincount(cells, minlength=classes**2).reshape(classes, classes)


def scores(matrix: Tensor) -> SegmentationMetrics:
    """Return percentages from one confusion matrix over the whole set.

    `mAP` is 100 x the mean IoU, as fyu/drn logs it under that name. Classes that occur neither in the truth nor in the
    prediction have no IoU (None) and are left out of the means.
    """
    matrix = matrix.double()
    hits, true, predicted = matrix.diagonal(), matrix.sum(dim=1), matrix.sum(dim=0)
    iou = 100 * hits / (true + predicted - hits)
    return SegmentationMetrics(
        mAP=_finite(iou.nanmean()),
        pixAcc=_finite(100 * hits.sum() / matrix.sum()),
        classAcc=_finite((100 * hits / true).nanmean()),
        perClassIoU={name: _finite(value) for name, value in zip(NAMES, iou, strict=True)},
    )


def _finite(value: Tensor) -> float | None:
    return None if math.isnan(value) else float(value)
