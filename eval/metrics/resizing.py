"""Images resized by a filter of a name, before or at the entrance of a feature extractor."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from enco.data.images import FILTERS, resize
from eval.config import Filter
from eval.metrics.extractor import Resize, bilinear


def resized(image: Image.Image, side: int, kind: Filter) -> Image.Image:
    """Resize an RGB image to side x side, in 8 bits; an image of that size is returned as it is."""
    if kind != "tensor":
        return resize(image, side, FILTERS[kind])
    if image.size == (side, side):
        return image
    levels = bilinear(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float(), side)[0]
    return Image.fromarray(levels.round().to(torch.uint8).permute(1, 2, 0).numpy())


def at_entrance(kind: Filter) -> Resize:
    """Return a resize of B x 3 x H x W images in [0, 1] for an extractor: PIL's, to 8 bits, or the one on tensors."""
    if kind == "tensor":
        return bilinear

    def by_pil(images: Tensor, side: int) -> Tensor:
        levels = images.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        done = [np.array(resized(Image.fromarray(image), side, kind)) for image in levels]
        return torch.from_numpy(np.stack(done)).permute(0, 3, 1, 2).float().div(255)

    return by_pil
