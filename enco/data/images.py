"""Images as tensors: the fixed conversions of training, testing and saving."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from enco.config.run import Levels
from enco.data.folders import check_images, list_images, load_rgb, printable
from enco.notices import say_once
from enco.options.base import Interpolation

__all__ = ["FILTERS", "check_images", "list_images", "load_rgb", "resize", "test_image", "to_tensor", "to_uint8"]

FILTERS: dict[Interpolation, Image.Resampling] = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
}


def to_tensor(image: Image.Image) -> Tensor:
    """Convert an RGB image to a float 3 x H x W tensor in [-1, 1]."""
    array = torch.from_numpy(np.array(image, dtype=np.float32)).div_(255.0)
    return array.sub_(0.5).div_(0.5).permute(2, 0, 1).contiguous()


def to_uint8(image: Tensor, rounding: bool = False) -> NDArray[np.uint8]:
    """Convert a 3 x H x W (or B x 3 x H x W) tensor in [-1, 1] to H x W x 3 (B x H x W x 3) bytes.

    Values are clamped and then truncated, as the CycleGAN family stores results; with `rounding` they are rounded.
    """
    levels = (image.detach().cpu().float().clamp(-1, 1) + 1) / 2 * 255
    levels = levels.round() if rounding else levels
    return levels.to(torch.uint8).movedim(-3, -1).numpy()


def test_image(path: Path, size: int, interpolation: Interpolation, levels: Levels = "16bit") -> Tensor:
    """Read a test input, 3 x size x size in [-1, 1], resized without crop or flip.

    The aspect ratio is not kept; a notice is printed once for a folder of images that are no squares.
    """
    image = load_rgb(path, levels)
    if image.width != image.height:
        text = f"{printable(str(path))} is {image.width} x {image.height} pixels and is squashed to {size} x {size}"
        cure = "crop them to squares first, or let `python -m enco.translate --keep-size` keep their shape"
        say_once(f"{text}, as others there may be: {cure}, if that is not meant.", path.parent)
    return to_tensor(resize(image, size, FILTERS[interpolation]))


def resize(
    image: Image.Image, size: int, resampling: Image.Resampling = Image.Resampling.BICUBIC, keep_aspect: bool = False
) -> Image.Image:
    """Resize to size x size or, to keep the aspect ratio, the shorter side to `size`; a fitting image is returned."""
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size) if keep_aspect else (size, size)
    return image if image.size == (width, height) else image.resize((width, height), resampling)
