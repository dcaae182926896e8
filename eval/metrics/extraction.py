"""Features of image files and of images in memory, extracted by a network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from enco.data.folders import decode_ahead, load_rgb, name_in
from enco.data.images import to_tensor, to_uint8
from enco.io.files import StrPath, sha256
from eval.config import Preparation
from eval.metrics.extractor import Extractor
from eval.metrics.features import Features
from eval.metrics.resizing import resized

T = TypeVar("T")

AS_STORED = Preparation()


def extract_features(
    files: Sequence[StrPath],
    extractor: Extractor,
    preparation: Preparation = AS_STORED,
    *,
    batch_size: int = 8,
    root: StrPath | None = None,
) -> Features:
    """Extract the features of image files, of any mix of sizes.

    An image is first prepared (`prepare`); then comes the extractor's own resize. Files are read, hashed and prepared
    by threads, ahead of the network. Features name files by their paths from `root`, or else by their names.
    """
    paths = [Path(file) for file in files]
    names = [name_in(Path(root or path.parent), path) for path in paths]

    def load(path: Path) -> tuple[str, Image.Image]:
        return sha256(path), load_rgb(path, preparation.levels)

    return _extract(paths, names, load, extractor, preparation, batch_size)


def extract_array(
    images: NDArray[np.uint8], extractor: Extractor, preparation: Preparation = AS_STORED, *, batch_size: int = 8
) -> Features:
    """Extract the features of N x H x W x 3 images in memory, prepared as files are and named by their numbers."""

    def load(number: int) -> tuple[str, Image.Image]:
        return hashlib.sha256(images[number].tobytes()).hexdigest(), Image.fromarray(images[number])

    numbers = range(len(images))
    return _extract(numbers, map(str, numbers), load, extractor, preparation, batch_size)


def _extract(
    images: Sequence[T],
    names: Iterable[str],
    load: Callable[[T], tuple[str, Image.Image]],
    extractor: Extractor,
    preparation: Preparation,
    batch_size: int,
) -> Features:
    """Extract the features of images that `load` gives with their SHA-256."""

    def prepared(image: T) -> tuple[str, Tensor]:
        digest, loaded = load(image)
        return digest, prepare(loaded, preparation, extractor)

    hashes: list[str] = []
    values: list[Tensor] = []
    for batch in decode_ahead(images, prepared, batch_size):
        hashes += [digest for digest, _ in batch]
        values.append(extractor(torch.stack([image for _, image in batch])))
    return Features(
        torch.cat(values).cpu().numpy(),
        tuple(names),
        tuple(hashes),
        extractor.record,
        extractor.weights_hash,
        preparation.size,
        preparation.legacy_rounding,
        preparation.filter,
        preparation.levels,
    )


def prepare(image: Image.Image, preparation: Preparation, extractor: Extractor) -> Tensor:
    """Turn an RGB image into the 3 x S x S floats in [0, 1] that the extractor sees.

    An image is first resized to size x size (8 bits, by the filter) unless size is 0; `legacy_rounding` then takes
    levels to [-1, 1] and back with truncation, as the originals' result folders do.
    """
    image = resized(image, preparation.size, preparation.filter) if preparation.size else image
    levels = to_uint8(to_tensor(image)) if preparation.legacy_rounding else np.array(image)
    pixels = torch.from_numpy(levels).permute(2, 0, 1).float().div(255)
    return extractor.resize(pixels[None], extractor.input_size)[0]
