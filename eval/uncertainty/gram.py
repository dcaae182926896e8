"""Distances of two sets of features under any weights of their images, from inner products alone.

Resampling images then touches no feature again, and costs the singular values of a matrix of images by images.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Counts = NDArray[np.int64]
"""How often each image of a set is taken, one number an image."""
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Gram:
    """Inner products of N generated and M distinct real features of D dimensions, within each set and between them."""

    generated: Matrix
    real: Matrix
    between: Matrix
    dimensions: int
    times: Counts
    """How often each real image is in its set: in the paired set, images repeat where they are fewer than sources."""

    @classmethod
    def of(cls, generated: NDArray[np.floating], real: NDArray[np.floating]) -> Gram:
        """Multiply generated features and the distinct ones of the real features, one row an image."""
        rows, times = distinct(real)
        x, y = (np.asarray(features, dtype=np.float64) for features in (generated, real[rows]))
        return cls(x @ x.T, y @ y.T, x @ y.T, x.shape[1], times)

    @property
    def once(self) -> tuple[Counts, Counts]:
        """The counts of the sets as they are."""
        return np.ones(len(self.generated), dtype=np.int64), self.times

    def frechet_distance(self, generated: Counts, real: Counts) -> float:
        """Calculate the Fréchet distance of the images taken, equal to that of a set in which they are repeated.

        With W the square roots of the shares, the singular values of W_x C W_y, C the centred products between the
        sets, are those of the product of both covariances' factors.
        """
        rows, columns = np.flatnonzero(generated), np.flatnonzero(real)
        p, q = _shares(generated[rows]), _shares(real[columns])
        x, y = self.generated[np.ix_(rows, rows)], self.real[np.ix_(columns, columns)]
        products = self.between[np.ix_(rows, columns)]
        mean_x, mean_y, mean_xy = p @ x @ p, q @ y @ q, p @ products @ q
        centred = products - (p @ products)[None, :] - (products @ q)[:, None] + mean_xy
        unbiased_x, unbiased_y = (total / (total - 1) for total in (generated.sum(), real.sum()))
        spread = unbiased_x * (p @ x.diagonal() - mean_x) + unbiased_y * (q @ y.diagonal() - mean_y)
        weights = np.sqrt(unbiased_x * p)[:, None] * np.sqrt(unbiased_y * q)[None, :]
        overlap = np.linalg.svd(weights * centred, compute_uv=False).sum()
        return max(0.0, float(mean_x + mean_y - 2 * mean_xy + spread - 2 * overlap))

    def kernel(self) -> Gram:
        """Return KID's polynomial kernel (x y / D + 1)^3 of every pair (Binkowski et al. 2018, section 4)."""
        x, y, between = ((m / self.dimensions + 1) ** 3 for m in (self.generated, self.real, self.between))
        return replace(self, generated=x, real=y, between=between)

    def distances(self) -> dict[str, float]:
        """Calculate the Fréchet distance and KID of all images, by their names among replicates."""
        return {"frechet_distance": self.frechet_distance(*self.once), "KID": self.kid()}

    def kid(self) -> float:
        """Calculate KID of all images."""
        return self.kernel().kernel_distance(*self.once)

    def kernel_distance(self, generated: Counts, real: Counts) -> float:
        """Calculate the unbiased squared distance of kernel means over all pairs of different images; self is a kernel.

        A pair of one image with its own repetition is no pair, so that neither resampling nor the paired set adds bias.
        """
        p, q = generated.astype(float), real.astype(float)
        return float(
            _mean_of_pairs(self.generated, p)
            + _mean_of_pairs(self.real, q)
            - 2 * (p @ self.between @ q) / (p.sum() * q.sum())
        )


def distinct(features: NDArray[np.floating]) -> tuple[Rows, Counts]:
    """Return the first row of each image, in order, and how often the image occurs, by equal features.

    Of one image alone that repeats, all rows are returned, as there were no pairs to measure else.
    """
    places: dict[bytes, list[int]] = {}
    for row, image in enumerate(features):
        places.setdefault(image.tobytes(), []).append(row)
    found = list(places.values()) if len(places) > 1 else [[row] for row in range(len(features))]
    return np.array([rows[0] for rows in found]), np.array([len(rows) for rows in found])


def _shares(counts: Counts) -> Matrix:
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _mean_of_pairs(kernel: Matrix, counts: Matrix) -> float:
    """Return the mean of a kernel over pairs of different images."""
    pairs = counts.sum() ** 2 - (counts**2).sum()
    return float((counts @ kernel @ counts - (counts**2) @ kernel.diagonal()) / pairs)
