"""SelfDistance: DistanceGAN on the two halves of one image in place of two images (arXiv 1706.00826)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from enco.losses.distance import half_distance
from enco.methods.distancegan import DistanceGan
from enco.options.selfdistance import INFO, SelfDistanceOptions


class SelfDistance(DistanceGan):
    """Each direction keeps the distance between an image's halves, the mean of a batch."""

    info = INFO
    options: SelfDistanceOptions

    def distances(self, images: Tensor) -> Tensor:
        """The distance between the halves, as one number: in a batch, errors of opposite signs cancel."""
        return half_distance(images, self.options.axis)

    def item(self, images: Tensor) -> Tensor:
        """What the statistics need of one batch: here its distance."""
        return half_distance(images, self.options.axis)

    def item_distances(self, items: Sequence[Tensor]) -> Tensor:
        """The distances that the statistics are of: here one for each batch."""
        return torch.stack(list(items))
