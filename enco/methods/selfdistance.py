"""SelfDistance: DistanceGAN on the two halves of one image in place of two images (arXiv 1706.00826)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from enco.losses.distance import half_distance
from enco.methods.distancegan import DistanceGan
from enco.options.selfdistance import INFO, SelfDistanceOptions


class SelfDistance(DistanceGan):
    """SelfDistance: DistanceGAN with the distance between an image's halves, a batch's mean."""

    info = INFO
    options: SelfDistanceOptions

    def distances(self, images: Tensor) -> Tensor:
        """Return the mean distance between halves: in a batch, errors of opposite signs cancel."""
        return half_distance(images, self.options.axis)

    def item(self, images: Tensor) -> Tensor:
        """Return the part of one batch that statistics are measured on: here the distance."""
        return half_distance(images, self.options.axis)

    def item_distances(self, items: Sequence[Tensor]) -> Tensor:
        """Return the distances that statistics are measured on: here one for each batch."""
        return torch.stack(list(items))
