"""Metrics of nearest neighbours from distances: precision, recall, density and coverage, in percent.

Kynkaanniemi et al. 2019, eq. 1-3; Naeem et al. 2020, eq. 4-6. A radius includes its boundary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eval.uncertainty.gram import Gram, Matrix, Rows


class NeighbourMetrics(NamedTuple):
    """Percentages; density may exceed 100."""

    precision: float
    recall_exact: float
    density: float
    coverage: float


@dataclass(frozen=True)
class Distances:
    """Euclidean distances within N generated and M real features, and from each real to each generated one."""

    generated: Matrix
    real: Matrix
    between: Matrix
    """M x N."""

    @classmethod
    def of(cls, gram: Gram) -> Distances:
        """Calculate distances of distinct images from inner products; an image's distance to itself is 0."""
        x, y = gram.generated.diagonal(), gram.real.diagonal()
        within_x, within_y = _distances(x, x, gram.generated), _distances(y, y, gram.real)
        for matrix in (within_x, within_y):
            np.fill_diagonal(matrix, 0)
        return cls(within_x, within_y, _distances(y, x, gram.between.T))

    @classmethod
    def of_all(cls, gram: Gram) -> Distances:
        """Calculate the distances of the sets as they are, with the real images that repeat."""
        return cls.of(gram).take(np.arange(len(gram.generated)), np.repeat(np.arange(len(gram.real)), gram.times))

    def take(self, generated: Rows, real: Rows) -> Distances:
        """Return the distances of some of the images, of which any may repeat."""
        return Distances(
            self.generated[np.ix_(generated, generated)],
            self.real[np.ix_(real, real)],
            self.between[np.ix_(real, generated)],
        )

    def metrics(self, k: int) -> NeighbourMetrics:
        """Calculate all metrics; a set's radius at an image is the distance to the k-th nearest other image of it."""
        radii_real, radii_generated = _radii(self.real, k), _radii(self.generated, k)
        in_real = self.between <= radii_real[:, None]
        in_generated = self.between <= radii_generated[None, :]
        return NeighbourMetrics(
            precision=100 * float(in_real.any(axis=0).mean()),
            recall_exact=100 * float(in_generated.any(axis=1).mean()),
            density=100 * float(in_real.sum(axis=0).mean()) / k,
            coverage=100 * float(in_real.any(axis=1).mean()),
        )


def _distances(norms_a: Matrix, norms_b: Matrix, products: Matrix) -> Matrix:
    squared = norms_a[:, None] + norms_b[None, :] - 2 * products
    return np.asarray(np.sqrt(np.maximum(squared, 0)), dtype=np.float64)


def _radii(distances: Matrix, k: int) -> Matrix:
    return np.asarray(np.partition(distances, k, axis=1)[:, k], dtype=np.float64)
