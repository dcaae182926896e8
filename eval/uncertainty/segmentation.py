"""Segmentation scores of other draws of a set's images, from the confusion matrix of each image."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from eval.config import REPLICATES
from eval.segmentation.scores import scores
from eval.uncertainty.gram import Matrix
from eval.uncertainty.resampling import GENERATED, bootstrap

METRICS = ("mAP", "pixAcc", "classAcc")
Confusion = NDArray[np.int64]
"""Pixels of each image by true and predicted class, N x classes x classes."""


def segmentation_values(confusion: Confusion) -> dict[str, float]:
    """Calculate each score of a set, in percent; NaN where no class occurs."""
    return {name: float(values[0]) for name, values in _scores([confusion.sum(axis=0)]).items()}


def segmentation_replicates(confusion: Confusion, count: int = REPLICATES, seed: int = 0) -> dict[str, Matrix]:
    """Calculate bootstrap replicates of each score, whose pixels are those of all images drawn."""
    draws = np.stack(list(bootstrap(len(confusion), count, seed, GENERATED)))
    return _scores(np.tensordot(draws, confusion, axes=1))


def _scores(totals: Iterable[Confusion]) -> dict[str, Matrix]:
    found = [scores(torch.from_numpy(total)) for total in totals]
    return {name: np.array([_or_nan(getattr(one, name)) for one in found]) for name in METRICS}


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
