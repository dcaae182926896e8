"""Fréchet distance of two feature matrices, without a matrix square root: of Inception's features it is FID."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from enco.errors import UserError


def fid(features_a: NDArray[np.floating], features_b: NDArray[np.floating]) -> float:
    """Calculate the Fréchet distance of two sets of features, N x D and M x D (Heusel et al. 2017, eq. 6), in float64.

    With A and B the centred features over sqrt(N - 1), tr sqrt(S_a S_b) is the sum of the singular values of A B^T.
    The sum is exact for fewer images than dimensions, where the usual square root of S_a S_b meets rounding noise.
    Raises UserError for fewer than two images, different dimensions, or a feature that is not finite.
    """
    _check(features_a, features_b)
    a, b = (np.asarray(features, dtype=np.float64) for features in (features_a, features_b))
    factor_a, factor_b = _factor(a), _factor(b)
    shift = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    spread = np.sum(factor_a**2) + np.sum(factor_b**2)
    overlap = np.linalg.svd(factor_a @ factor_b.T, compute_uv=False).sum()
    return max(0.0, float(shift + spread - 2 * overlap))


def _factor(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return F of at most D rows with F^T F equal to the unbiased covariance."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    if len(features) <= features.shape[1]:
        return centred
    return np.asarray(np.linalg.qr(centred, mode="r"), dtype=np.float64)


def _check(features_a: NDArray[np.floating], features_b: NDArray[np.floating]) -> None:
    need = "The Fréchet distance needs"
    for features in (features_a, features_b):
        if len(features) < 2:
            raise UserError(f"{need} at least 2 images in each set, and one has {len(features)}: add images.")
        if not np.isfinite(features).all():
            raise UserError(f"{need} finite features, and a set holds NaN or infinity: look for broken images in it.")
    if features_a.shape[1] != features_b.shape[1]:
        widths = f"{features_a.shape[1]} and {features_b.shape[1]}"
        raise UserError(f"{need} features of one extractor, and these have {widths} dimensions: extract them again.")
