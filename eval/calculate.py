"""Metrics from Python (docs/python.md): FID, precision and recall of folders, images in memory, or features."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from enco.data.folders import list_images
from enco.errors import UserError
from enco.io.files import StrPath
from eval.config import NEIGHBOURS, Preparation
from eval.metrics.create import create_extractor
from eval.metrics.extraction import AS_STORED, extract_array, extract_features
from eval.metrics.extractor import Extractor
from eval.metrics.features import Features, check_comparable, load_features
from eval.metrics.fid import fid as frechet_distance
from eval.metrics.precision_recall import PrecisionRecall
from eval.metrics.precision_recall import precision_recall as improved_precision_recall

Matrix = NDArray[np.floating]
ImageSet = StrPath | NDArray | Tensor | Features
"""A folder of images or a features file (.npz); N x H x W x 3 bytes (NumPy); N x 3 x H x W bytes, or floats
in [0, 1] (torch); N x D features (NumPy or torch); or what `calculate_features` returned."""


@dataclass(frozen=True)
class Metrics:
    """Fréchet distance, and precision and recall in percent, of generated images against real ones."""

    distance: float
    distance_name: str
    """FID with Inception's published weights; otherwise FD, with the extractor where it is known."""
    precision: float
    recall: float
    """As piq computes recall and papers publish it."""
    recall_exact: float
    """As the paper of precision and recall defines recall."""
    k: int
    """Neighbours of precision and recall."""
    generated: int
    """Number of generated images."""
    real: int
    """Number of real images."""


def calculate_metrics(
    generated: ImageSet,
    real: ImageSet,
    *,
    k: int = NEIGHBOURS,
    extractor: Extractor | None = None,
    preparation: Preparation = AS_STORED,
) -> Metrics:
    """Calculate Fréchet distance, precision and recall of generated against real images.

    Images become features by `extractor`, by default Inception with the published weights, which are fetched once.
    Raises UserError for images or features of another form, sets that are too small, and features that are not
    comparable.
    """
    sets = _features(generated, real, extractor, preparation)
    ours, theirs = map(_matrix, sets)
    found = improved_precision_recall(theirs, ours, k)
    name = next((one.extractor.distance for one in sets if isinstance(one, Features)), "FD")
    return Metrics(frechet_distance(ours, theirs), name, *found, k=k, generated=len(ours), real=len(theirs))


def fid(
    generated: ImageSet, real: ImageSet, *, extractor: Extractor | None = None, preparation: Preparation = AS_STORED
) -> float:
    """Calculate the Fréchet distance of two sets: FID, unless `extractor` is another one than Inception.

    Arguments and errors are those of `calculate_metrics`.
    """
    return frechet_distance(*map(_matrix, _features(generated, real, extractor, preparation)))


def precision_recall(
    generated: ImageSet,
    real: ImageSet,
    *,
    k: int = NEIGHBOURS,
    extractor: Extractor | None = None,
    preparation: Preparation = AS_STORED,
) -> PrecisionRecall:
    """Calculate precision and recall in percent; arguments and errors are those of `calculate_metrics`."""
    ours, theirs = map(_matrix, _features(generated, real, extractor, preparation))
    return improved_precision_recall(theirs, ours, k)


def calculate_features(
    images: ImageSet,
    *,
    extractor: Extractor | None = None,
    preparation: Preparation = AS_STORED,
    batch_size: int = 8,
) -> Features:
    """Extract the features of a set, to compare others with or to `save`; a features file is read.

    Raises UserError for images of another form, and for a matrix of features, which has nothing to extract.
    """
    opened = _open(images, preparation, batch_size)
    if isinstance(opened, np.ndarray):
        raise UserError("A matrix holds features already: give images, or give the matrix to the metric itself.")
    return opened if isinstance(opened, Features) else opened(extractor or create_extractor())


def _features(
    generated: ImageSet, real: ImageSet, extractor: Extractor | None, preparation: Preparation
) -> tuple[Features | Matrix, Features | Matrix]:
    """Return the features of both sets; matrices that are given have no preparation to compare."""

    @cache
    def network() -> Extractor:
        return extractor or create_extractor()

    opened = [_open(images, preparation) for images in (generated, real)]  # before any weights are looked for
    a, b = (one(network()) if callable(one) else one for one in opened)
    if isinstance(a, Features) and isinstance(b, Features):
        check_comparable(a, b)
    return a, b


def _open(
    images: ImageSet, preparation: Preparation, batch_size: int = 8
) -> Features | Matrix | Callable[[Extractor], Features]:
    """Return a set's features, or the function that extracts them; UserError for a set of no known form."""
    if isinstance(images, Features):
        return images
    if isinstance(images, str | os.PathLike):
        if Path(images).suffix == ".npz":
            return load_features(images)
        files = list_images(images)
        return partial(extract_features, files, preparation=preparation, batch_size=batch_size, root=images)
    if not isinstance(images, np.ndarray | Tensor):
        raise UserError(
            f"A {type(images).__name__} is no set of images: give a folder, an array or tensor of images or features,"
            " or what `calculate_features` returned."
        )
    if images.ndim == 2:
        return images.detach().cpu().double().numpy() if isinstance(images, Tensor) else images
    return partial(extract_array, _bytes(images), preparation=preparation, batch_size=batch_size)


def _matrix(features: Features | Matrix) -> Matrix:
    return features.features if isinstance(features, Features) else features


def _bytes(images: NDArray | Tensor) -> NDArray[np.uint8]:
    """Return images as N x H x W x 3 bytes; floats are rounded, as in saving images."""
    channels = 1 if isinstance(images, Tensor) else 3
    if images.ndim == 4 and images.shape[channels] == 3 and len(images):
        if isinstance(images, Tensor) and images.is_floating_point() and images.min() >= 0 and images.max() <= 1:
            images = (images.detach() * 255).round().byte()
        if images.dtype in (np.uint8, torch.uint8):
            return images.cpu().permute(0, 2, 3, 1).numpy() if isinstance(images, Tensor) else images
    found = f"{' x '.join(map(str, images.shape))} of {images.dtype}"
    raise UserError(
        f"Images are N x H x W x 3 bytes of NumPy, or N x 3 x H x W of PyTorch, bytes or floats in [0, 1], and these"
        f" are {found}{_range(images)}: convert them."
    )


def _range(images: NDArray | Tensor) -> str:
    """Return ' from -1.0 to 1.0' for values that have a range."""
    return f" from {images.min()} to {images.max()}" if 0 not in images.shape else ""
