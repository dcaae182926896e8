"""Random styles for translating, which depend on nothing but an image's content and a seed."""

from __future__ import annotations

import zlib

import torch
from torch import Tensor


def styles_of(images: Tensor, dim: int, seed: int = 0) -> Tensor:
    """Draw from N(0, I) for each of B x 3 x H x W images in [-1, 1]; returns B x dim.

    Each draw is seeded by the image's 8-bit content and `seed`, so that neither batches nor order nor torch's random
    state matter.
    """
    from enco.data.images import to_uint8  # brings NumPy and Pillow, which a training step has no use for

    return torch.stack([_style(zlib.crc32(image.tobytes(), seed), dim) for image in to_uint8(images)]).to(images)


def _style(seed: int, dim: int) -> Tensor:
    return torch.randn(dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
