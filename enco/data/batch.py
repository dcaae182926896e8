"""A batch: the images of one iteration."""

from __future__ import annotations

from typing import TypedDict

from torch import Tensor


class Batch(TypedDict):
    """One iteration's images, each B x 3 x H x W in [-1, 1]; the two domains are unpaired."""

    source: Tensor
    target: Tensor
