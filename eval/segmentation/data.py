"""Photos and label maps as the segmentation network sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from enco.config.run import Levels
from enco.data.folders import decode_all, list_images, load_labels, load_rgb, name_in, stem_in
from enco.errors import UserError
from enco.notices import say_once
from eval.segmentation.drn import STRIDE

MEAN = (0.29010, 0.32808, 0.28696)
STD = (0.18295, 0.18657, 0.18448)
"""Of the Cityscapes training photos, RGB (fyu/drn, datasets/cityscapes/info.json)."""

Size = tuple[int, int]


def pairs(images: Path, labels: Path, recursive: bool = False) -> list[tuple[Path, Path]]:
    """List every image of a folder with the label map of the same stem; UserError names an image without one.

    Label maps without an image are left out, which is said once.
    """
    maps, photos = (
        {stem_in(folder, file): file for file in list_images(folder, recursive)} for folder in (labels, images)
    )
    for stem, file in photos.items():
        if stem not in maps:
            raise UserError(f"{labels} has no label map for {name_in(images, file)}: name one {stem}.png.")
    unused = maps.keys() - photos.keys()
    if unused:
        say_once(f"Left out of {labels}: {len(unused)} label maps without an image in {images}, first {min(unused)}.")
    return [(file, maps[stem]) for stem, file in photos.items()]


def load_photos(files: Sequence[Path], size: Size, levels: Levels = "16bit") -> Tensor:
    """Load photos as B x 3 x H x W bytes, resized (bicubic) to `size` = (width, height)."""
    return torch.stack(decode_all(files, lambda file: load_photo(file, size, levels)))


def load_label_maps(files: Sequence[Path], size: Size) -> Tensor:
    """Load label maps of trainIds as B x H x W bytes, resized (nearest); UserError for a value that is no trainId."""
    return torch.stack(decode_all(files, lambda file: load_label_map(file, size)))


def load_photo(file: Path, size: Size, levels: Levels = "16bit") -> Tensor:
    """Load one photo as `load_photos` does, 3 x H x W."""
    photo = _resize(load_rgb(file, levels), size, Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(photo)).permute(2, 0, 1)


def load_label_map(file: Path, size: Size) -> Tensor:
    """Load one label map as `load_label_maps` does, H x W."""
    return torch.from_numpy(np.array(_resize(Image.fromarray(load_labels(file)), size, Image.Resampling.NEAREST)))


def normalise(photos: Tensor) -> Tensor:
    """Normalise B x 3 x H x W bytes as in the network's training."""
    mean, std = (torch.tensor(values, device=photos.device)[:, None, None] for values in (MEAN, STD))
    return (photos.float() / 255 - mean) / std


def check_size(size: Size) -> None:
    """Raise UserError unless width and height are positive multiples of the network's stride."""
    if any(side < STRIDE or side % STRIDE for side in size):
        raise UserError(f"--size {size[0]} {size[1]} does not fit the network: give multiples of {STRIDE}.")


def _resize(image: Image.Image, size: Size, filter: Image.Resampling) -> Image.Image:
    return image if image.size == size else image.resize(size, filter)
