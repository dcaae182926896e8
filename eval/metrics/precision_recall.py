"""Improved precision and recall (Kynkaanniemi et al. 2019) of two feature matrices, in percent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from enco.errors import UserError
from eval.config import NEIGHBOURS


class PrecisionRecall(NamedTuple):
    """Percentages: precision and recall as piq 0.8 computes both (as published), and the exact recall."""

    precision: float
    recall: float
    recall_exact: float


def precision_recall(real: NDArray[np.floating], fake: NDArray[np.floating], k: int = NEIGHBOURS) -> PrecisionRecall:
    """Calculate precision and recall of N x D fake against M x D real features; the k-th nearest neighbour is a radius.

    piq's precision is exact. piq's recall counts some near coincidences with the wrong radius, up to one percentage
    point too many.
    Raises UserError for k below 1, sets of k images or fewer, different dimensions, or a feature that is not finite.
    """
    _check(real, fake, k)
    from piq import PR  # loads torchvision, which takes seconds

    published = PR(nearest_k=k)(_float32(real), _float32(fake))
    precision, recall = (round(100 * float(value), 4) for value in published)  # piq averages in float32
    return PrecisionRecall(precision, recall, exact_precision_recall(real, fake, k)[1])


def exact_precision_recall(
    real: NDArray[np.floating], fake: NDArray[np.floating], k: int = NEIGHBOURS
) -> tuple[float, float]:
    """Calculate precision and recall in percent by the paper's eq. 1-3, in float64; a radius includes its boundary."""
    _check(real, fake, k)
    points_real, points_fake = (torch.from_numpy(np.asarray(f, dtype=np.float64)) for f in (real, fake))
    between = _distances(points_real, points_fake)
    covered_fakes = (between <= _radii(points_real, k)[:, None]).any(dim=0)
    covered_reals = (between <= _radii(points_fake, k)[None, :]).any(dim=1)
    return 100 * float(covered_fakes.double().mean()), 100 * float(covered_reals.double().mean())


def _radii(points: Tensor, k: int) -> Tensor:
    """Return the distance of every point to its k-th nearest other point."""
    return _distances(points, points).kthvalue(k + 1, dim=1).values


def _distances(a: Tensor, b: Tensor) -> Tensor:
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def _float32(features: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))


def _check(real: NDArray[np.floating], fake: NDArray[np.floating], k: int) -> None:
    if k < 1:
        raise UserError(f"Precision and recall need a neighbour, and k is {k}: give at least 1.")
    for name, features in (("real", real), ("generated", fake)):
        if len(features) <= k:
            raise UserError(
                f"Precision and recall with k = {k} need more than {k} images, and the {name} set has {len(features)}:"
                " add images or lower k."
            )
        if not np.isfinite(features).all():
            raise UserError(f"The {name} features hold NaN or infinity: look for broken images in that set.")
    if real.shape[1] != fake.shape[1]:
        widths = f"{real.shape[1]} and {fake.shape[1]}"
        raise UserError(f"Real and generated features have {widths} dimensions: extract both with one extractor.")
