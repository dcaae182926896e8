"""Sampling uncertainty: every metric of a set again and again, on other draws of its images.

Draws depend on the number of images and the seed alone, so that two methods that translated the same images are drawn
alike, and the differences of their replicates are paired.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from eval.config import REPLICATES
from eval.uncertainty.gram import Counts, Gram, Matrix, Rows
from eval.uncertainty.neighbours import Distances

GENERATED, REAL = 0, 1
"""Streams of random numbers."""


def replicates(
    generated: NDArray[np.floating], real: NDArray[np.floating], k: int, count: int = REPLICATES, seed: int = 0
) -> dict[str, Matrix]:
    """Calculate replicates of every metric of N x D generated against M x D real features, `count` numbers each.

    Distances are of bootstrap samples. Metrics of nearest neighbours are of halves of the images, without repetition,
    as an image repeated would be its own neighbour; k is halved too, so that a radius holds the same share of a set.
    A real image that the set repeats is drawn as the one image that it is, and taken as often as the set has it.
    Either way the standard deviation of replicates is that of the metric over other images. Their mean is not the
    metric: repeated and fewer images are farther from everything. Metrics of nearest neighbours are left out where half
    of a set has no more than half of k images.
    """
    gram = Gram.of(generated, real)
    return {**distance_replicates(gram, count, seed), **_neighbours(gram, k, count, seed)}


def mean_replicates(values: Matrix, count: int = REPLICATES, seed: int = 0) -> Matrix:
    """Calculate bootstrap replicates of the mean of one number for each generated image."""
    draws = bootstrap(len(values), count, seed, GENERATED)
    return np.array([drawn @ values / len(values) for drawn in draws])


def distance_replicates(gram: Gram, count: int = REPLICATES, seed: int = 0) -> dict[str, Matrix]:
    """Calculate bootstrap replicates of the Fréchet distance and of KID, `count` numbers each."""
    kernel, sizes = gram.kernel(), (len(gram.generated), len(gram.real))
    draws = list(zip(bootstrap(sizes[0], count, seed, GENERATED), bootstrap(sizes[1], count, seed, REAL), strict=True))
    return {
        "frechet_distance": np.array([gram.frechet_distance(x, y * gram.times) for x, y in draws]),
        "KID": np.array([kernel.kernel_distance(x, y * gram.times) for x, y in draws]),
    }


def _neighbours(gram: Gram, k: int, count: int, seed: int) -> dict[str, Matrix]:
    distances, nearest = Distances.of(gram), math.ceil(k / 2)
    sizes = (len(gram.generated), len(gram.real))
    if min(sizes) // 2 <= nearest:
        return {}
    draws = zip(halves(sizes[0], count, seed, GENERATED), halves(sizes[1], count, seed, REAL), strict=True)
    found = [distances.take(x, np.repeat(y, gram.times[y])).metrics(nearest) for x, y in draws]
    return {name: np.array([getattr(metrics, name) for metrics in found]) for name in found[0]._fields}


def bootstrap(images: int, count: int, seed: int, stream: int) -> Iterator[Counts]:
    """Draw sets of as many images with repetition: how often each of the images is in a set."""
    random = np.random.default_rng((seed, stream, images))
    return (random.multinomial(images, np.full(images, 1 / images)) for _ in range(count))


def halves(images: int, count: int, seed: int, stream: int) -> Iterator[Rows]:
    """Draw halves of a set without repetition."""
    random = np.random.default_rng((seed, stream, images))
    return (random.permutation(images)[: images // 2] for _ in range(count))
