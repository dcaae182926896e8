"""History of generated images for discriminators (Shrivastava et al. 2017, arXiv 1612.07828)."""

from __future__ import annotations

import torch
from torch import Tensor

from enco.runtime.randomness import draw_device


class ImagePool:
    """A pool of generated images that returns an earlier image half of the time; size 0 returns images unchanged.

    All decisions are tensors on the images' device, so that no step waits for the device. Images are kept in float32 at
    least, so that a training goes on where it computes in another type.
    """

    def __init__(self, size: int = 50) -> None:
        self.size = size
        self.images: Tensor | None = None
        self.count: Tensor | None = None

    def query(self, images: Tensor) -> Tensor:
        """Return each of B x 3 x H x W detached images, or an earlier image that the new image replaces in the pool.

        Until the pool is full, every image is kept and returned. Draws are made where `rng_device` says.
        """
        if self.size == 0:
            return images
        return torch.stack([self._query(image) for image in images])

    def _query(self, image: Tensor) -> Tensor:
        kept, count = self._kept(image)
        image = image.to(kept.dtype)
        draws = torch.rand(2, device=draw_device()).to(image.device)
        fills = count < self.size
        swaps = ~fills & (draws[0] < 0.5)
        index = torch.where(fills, count, (draws[1] * self.size).long().clamp(max=self.size - 1))[None]
        earlier = kept.index_select(0, index)[0]
        kept.index_copy_(0, index, torch.where(fills | swaps, image, earlier)[None])
        count += fills
        return torch.where(swaps, earlier, image)

    def _kept(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the kept images and their number; allocate memory for all at the first image."""
        if self.images is None or self.count is None:
            dtype = torch.promote_types(image.dtype, torch.float32)
            self.images = image.new_zeros(self.size, *image.shape, dtype=dtype)
            self.count = torch.zeros((), dtype=torch.long, device=image.device)
        return self.images, self.count

    def state(self) -> Tensor:
        """Copy the kept images, N x 3 x H x W (a vector of length 0 while there are none), for a checkpoint.

        The copy has a storage of its own, as torch saves the whole storage of every view.
        """
        if self.images is None or self.count is None:
            return torch.empty(0)
        return self.images[: int(self.count)].clone()

    def load(self, images: Tensor, device: torch.device) -> None:
        """Restore the images that `state` returned."""
        self.images = self.count = None
        if len(images):
            kept, count = self._kept(images[0].to(device))
            kept[: len(images)] = images
            count.fill_(len(images))
