"""Cells of feature maps. A position is an index into the flattened H*W cells."""

from __future__ import annotations

from torch import Tensor


def map_size(features: Tensor) -> tuple[int, int]:
    """Return height and width of a B x C x H x W feature map."""
    return features.shape[2], features.shape[3]


def gather_cells(features: Tensor, positions: Tensor) -> Tensor:
    """Gather cells of B x C x H x W (or B x C x N) features at positions B x P (or P for all images), as B x P x C."""
    batch, channels = features.shape[:2]
    index = positions.to(features.device).expand(batch, -1)[:, None].expand(-1, channels, -1)
    return features.flatten(2).gather(2, index).mT
