"""The choice of test images that a figure shows: the best, the median and the worst, by a rule and not by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from enco.errors import UserError
from eval.metrics.features import Features, check_comparable


@dataclass(frozen=True)
class Example:
    """One test image: its place among all, its translation's file name, and the name of the nearest real image."""

    place: str
    translation: str
    nearest: str


def choose_examples(translated: Features, real: Features) -> list[Example]:
    """Return the test images whose translations are nearest to, at the median of, and farthest from real targets.

    The distance of a translation is that to the nearest real target image, between features (Euclidean). Of an even
    number of images the lower median is taken; of equal distances the first file is the nearer.
    Raises UserError for features that do not compare, and where there is no image.
    """
    check_comparable(real, translated)
    if not len(translated) or not len(real):
        raise UserError("A figure needs a translated and a real image: one of the two sets of features is empty.")
    distances = cdist(translated.features, real.features)
    order = np.argsort(distances.min(axis=1), kind="stable")
    places = {"best": order[0], "median": order[(len(order) - 1) // 2], "worst": order[-1]}
    nearest = distances.argmin(axis=1)
    return [Example(name, translated.files[row], real.files[nearest[row]]) for name, row in places.items()]
