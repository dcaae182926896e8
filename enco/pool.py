"""History of generated images for discriminators (Shrivastava et al. 2017, arXiv 1612.07828)."""

from __future__ import annotations

import torch
from torch import Tensor


class ImagePool:
    """Hands back, half of the time, an image that the generator made earlier; size 0 hands back what it gets."""

    def __init__(self, size: int = 50) -> None:
        self.size = size
        self.images: list[Tensor] = []

    def query(self, images: Tensor) -> Tensor:
        """B x 3 x H x W detached images to as many, each the given one or an earlier one that it replaces here.

        Until the pool is full, every image is kept and handed back. Draws come from torch's global CPU state.
        """
        return torch.stack([self._query(image) for image in images])

    def _query(self, image: Tensor) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(image.clone())  # a view would hold its whole batch
            return image
        if self.size == 0 or torch.rand(()) < 0.5:
            return image
        index = int(torch.randint(self.size, ()))
        earlier, self.images[index] = self.images[index], image.clone()
        return earlier

    def state(self) -> list[Tensor]:
        """The kept images, for a checkpoint."""
        return list(self.images)

    def load(self, images: list[Tensor], device: torch.device) -> None:
        """Take back what `state` gave."""
        self.images = [image.to(device) for image in images]
