"""SelfDistance: DistanceGAN on the two halves of one image in place of two images (arXiv 1706.00826)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor

from enco.distance import Axis, half_distance
from enco.methods.base import MethodInfo
from enco.methods.distancegan import DistanceGan, DistanceGanOptions


class SelfDistanceOptions(DistanceGanOptions):
    """SelfDistance's settings: DistanceGAN's, and where to cut."""

    batch_size: int = Field(2, ge=1, description="Images of each domain in one iteration.")
    axis: Axis = Field(
        "height", description="Compare top and bottom halves (height), as the code does, or left and right ones."
    )


class SelfDistance(DistanceGan):
    """Each direction keeps the distance between an image's halves, the mean of a batch."""

    info = MethodInfo("selfdistance", "SelfDistance", "arXiv 1706.00826", 2017, two_sided=True)
    Options = SelfDistanceOptions
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
