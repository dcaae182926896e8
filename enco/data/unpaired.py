"""The training data of unpaired translation: the two images of an item, their crops and flips, and the order of items.

Everything random is a pure function of (seed, item), so any iteration can be fetched at any time and a resumed training
sees exactly the batches it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from enco.config.run import Direction
from enco.data.batch import Batch
from enco.data.folders import decode_all
from enco.data.images import FILTERS, resize, to_tensor
from enco.data.reading import DEFAULT_READING, Reading
from enco.data.shared_memory import check_shared_memory, explain_shortage
from enco.errors import UserError
from enco.options.base import MethodOptions

_ORDER, _DRAWS, _FLIPS = 0, 1, 2  # streams of random numbers, kept apart


class UnpairedImages(Dataset[Batch]):
    """The images of trainA and trainB as an endless sequence of items; an epoch has `len(self)` = max(|A|, |B|) items.

    Item i takes A[i mod |A|] of its epoch's shuffled order and a B drawn uniformly with replacement; with direction
    BtoA the two images change roles after loading, so that the target is the sequential one (as in the CycleGAN and CUT
    loaders).
    Up to cache_mb MiB of the images stay decoded in memory, which forked workers of a loader share.
    Raises UserError for a missing folder, an empty one, or an image that does not decode.
    """

    def __init__(
        self,
        root: Path,
        direction: Direction,
        options: MethodOptions,
        n_const: int,
        seed: int,
        cache_mb: int = 0,
        reading: Reading = DEFAULT_READING,
    ) -> None:
        self.files_a, self.files_b = (reading.files(root / name) for name in ("trainA", "trainB"))
        self.direction, self.options, self.n_const, self.seed = direction, options, n_const, seed
        self._images = _ImageCache(cache_mb * 2**20, reading)
        decode_all(self.files_a + self.files_b, self._images.check)

    def __len__(self) -> int:
        return max(len(self.files_a), len(self.files_b))

    def __getitem__(self, item: int) -> Batch:
        return self.get(item)

    def get(self, item: int) -> Batch:
        """Return the item of a global index (epoch = item // len): two images, 3 x crop_size x crop_size in [-1, 1]."""
        epoch, position = divmod(item, len(self))
        rng = default_rng([self.seed, _DRAWS, item])
        index_a = _order(self.seed, epoch, len(self))[position] % len(self.files_a)
        index_b = rng.integers(len(self.files_b))
        together = self._flips_together(epoch, position) if self.options.flip_together else None
        image_a = self._augment(self.files_a[index_a], epoch, rng, together)
        image_b = self._augment(self.files_b[index_b], epoch, rng, together)
        if self.direction == "AtoB":
            return Batch(source=image_a, target=image_b)
        return Batch(source=image_b, target=image_a)

    def loader(
        self,
        start_iteration: int,
        total_iterations: int,
        batch_size: int,
        workers: int = 0,
        device: torch.device | None = None,
    ) -> DataLoader[Batch]:
        """Return a loader of the batches of iterations start_iteration (those already done) to total_iterations - 1.

        Batches are on the CPU; for a CUDA `device` their memory is pinned, so that copies need not wait. Each worker
        computes on one thread and prepares up to two batches ahead. Leaves torch's global random state alone. Raises
        UserError if an epoch holds less than one batch, and where the workers have no room to pass batches on.
        """
        pixels = 2 * 3 * self.options.crop_size**2
        check_shared_memory(workers, batch_size * pixels * torch.float32.itemsize)
        return _Loader(
            self,
            batch_sampler=_Batches(start_iteration, total_iterations, batch_size, len(self)),
            num_workers=workers,
            pin_memory=device is not None and device.type == "cuda",
            generator=torch.Generator(),
        )

    def _augment(self, path: Path, epoch: int, rng: Generator, together: bool | None) -> Tensor:
        options = self.options
        jitter = epoch < self.n_const or options.jitter_in_decay
        load_size = options.load_size if jitter else options.crop_size
        image = resize(self._images.load(path), load_size, FILTERS[options.interpolation], options.resize == "shorter")
        image = random_crop(image, options.crop_size, rng)
        flips = rng.random() < 0.5 if together is None else together
        if options.flip and flips:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return to_tensor(image)

    def _flips_together(self, epoch: int, position: int) -> bool:
        """Return whether the iteration at this position of the epoch flips images."""
        return bool(default_rng([self.seed, _FLIPS, epoch, position // self.options.images_per_step]).random() < 0.5)


def random_crop(image: Image.Image, size: int, rng: Generator) -> Image.Image:
    """Cut a size x size window at a uniformly drawn place."""
    left, top = (int(rng.integers(extent - size + 1)) for extent in image.size)
    return image.crop((left, top, left + size, top + size))


class _Loader(DataLoader[Batch]):
    """A loader that raises UserError where there is no shared memory left."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        with explain_shortage():
            yield from super().__iter__()


class _Batches(Sampler[list[int]]):
    """The item indices of each iteration; items at an epoch's end that fill no batch are dropped."""

    def __init__(self, start: int, stop: int, batch_size: int, items_per_epoch: int) -> None:
        self.start, self.stop, self.batch_size, self.items_per_epoch = start, stop, batch_size, items_per_epoch
        self.iterations_per_epoch = items_per_epoch // batch_size
        if not self.iterations_per_epoch:
            raise UserError(
                f"An epoch of {items_per_epoch} images holds no batch of {batch_size}: add images or lower batch_size."
            )

    def __len__(self) -> int:
        return max(0, self.stop - self.start)

    def __iter__(self) -> Iterator[list[int]]:
        for iteration in range(self.start, self.stop):
            epoch, batch = divmod(iteration, self.iterations_per_epoch)
            first = epoch * self.items_per_epoch + batch * self.batch_size
            yield list(range(first, first + self.batch_size))


class _ImageCache:
    """Decoded images, kept up to a number of bytes; all further images are decoded anew each time."""

    def __init__(self, capacity: int, reading: Reading) -> None:
        self.free, self.reading = capacity, reading
        self.images: dict[Path, Image.Image] = {}

    def load(self, path: Path) -> Image.Image:
        if path in self.images:
            return self.images[path]
        image = self.reading.load(path)
        size = 3 * image.width * image.height
        if size <= self.free:
            self.free -= size
            self.images[path] = image
        return image

    def check(self, path: Path) -> None:
        self.load(path)


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, length: int) -> NDArray[np.int64]:
    return default_rng([seed, _ORDER, epoch]).permutation(length)
