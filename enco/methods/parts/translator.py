"""A trained method that can only translate: tensors as in training, images of Pillow and NumPy as bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args, overload

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from enco.data.folders import to_rgb
from enco.data.images import FILTERS, resize, to_tensor, to_uint8
from enco.errors import UserError, unknown
from enco.methods.base import Method, TranslationDirection
from enco.methods.parts.memory_need import MemoryNeed

Dtype = Literal["float32", "bfloat16"]
"""The type that a generator's convolutions compute in."""
ONE_WAY = {"directions": "forward"}
"""Metadata of a two-sided method's file that holds the forward generator alone, as an imported one may."""
MULTIPLE = 4
"""What an image's sides are multiples of in every generator: each halves them twice."""
LEAST = 8
"""Pixels of the smallest side that every generator can pad by reflection."""


@dataclass(frozen=True)
class Translator:
    """A trained method that can only translate."""

    method: Method = field(repr=False)
    method_name: str
    options: dict[str, Any]
    metadata: dict[str, str]
    dtype: Dtype = "float32"

    @property
    def is_one_way(self) -> bool:
        """Whether the file holds the forward generator alone, though the method is two-sided."""
        return self.metadata.items() >= ONE_WAY.items()

    @overload
    def __call__(self, images: Tensor, direction: TranslationDirection = "forward") -> Tensor: ...

    @overload
    def __call__(
        self,
        images: Image.Image,
        direction: TranslationDirection = "forward",
        *,
        size: int | None = None,
        keep_size: bool = False,
    ) -> Image.Image: ...

    @overload
    def __call__(
        self,
        images: NDArray[np.uint8],
        direction: TranslationDirection = "forward",
        *,
        size: int | None = None,
        keep_size: bool = False,
    ) -> NDArray[np.uint8]: ...

    def __call__(
        self,
        images: Tensor | Image.Image | NDArray[np.uint8],
        direction: TranslationDirection = "forward",
        *,
        size: int | None = None,
        keep_size: bool = False,
    ) -> Tensor | Image.Image | NDArray[np.uint8]:
        """Translate images into images of the same form.

        A B x 3 x H x W tensor in [-1, 1] keeps its size. A Pillow image, and bytes H x W x 3 or N x H x W x 3, are
        resized to `size` x `size` (default: the generator's test size) or, with `keep_size`, keep their size: they are
        padded by reflection for the generator, and cropped.

        Raises UserError for `backward` with a one-sided method, for an unknown direction, for images of another form,
        for sizes that the generator changes, and for images that need more memory than there is.
        """
        if isinstance(images, Tensor):
            if size is not None or keep_size:
                raise UserError("`size` and `keep_size` are for images and folders: resize the tensor instead.")
            return self._translate(images, direction)
        if isinstance(images, Image.Image):
            return Image.fromarray(self._translate_all([images], direction, size, keep_size)[0])
        if not _is_bytes(images):
            raise UserError(
                f"A {type(images).__name__} cannot be translated: give a tensor, a Pillow image, or bytes"
                " (uint8) H x W x 3 or N x H x W x 3."
            )
        stack = images if images.ndim == 4 else images[None]
        translated = self._translate_all([Image.fromarray(image) for image in stack], direction, size, keep_size)
        return translated if images.ndim == 4 else translated[0]

    @torch.inference_mode()
    def to_bytes(
        self, images: Tensor, direction: TranslationDirection = "forward", *, keep_size: bool = False
    ) -> NDArray[np.uint8]:
        """Translate B x 3 x H x W images in [-1, 1], on any device, into B x H x W x 3 bytes, truncated (`to_uint8`).

        With `keep_size` H and W need not be what the generator keeps. Raises UserError as calling does.
        """
        height, width = images.shape[-2:]
        images = images.to(self.method.device)
        translated = self._translate(_padded(images) if keep_size else images, direction)
        return to_uint8(translated[..., :height, :width])

    def side(self, size: int | None, keep_size: bool) -> int | None:
        """Return the side that images are resized to, in pixels, None if they keep their size.

        Raises UserError where both are asked for, and where one such image needs more memory than there is.
        """
        if keep_size:
            if size is not None:
                raise UserError("`size` resizes images and `keep_size` does not: give one of them.")
            return None
        side = size or self.method.options.test_side
        self._memory.check((1, side, side))
        return side

    @cached_property
    def _memory(self) -> MemoryNeed:
        return MemoryNeed(self.method)

    def _translate_all(
        self, images: list[Image.Image], direction: TranslationDirection, size: int | None, keep_size: bool
    ) -> NDArray[np.uint8]:
        """Translate images, of one size if they keep it, into N x H x W x 3 bytes."""
        side, resampling = self.side(size, keep_size), FILTERS[self.method.options.interpolation]
        rgb = [as_rgb(image) for image in images]
        resized = rgb if side is None else [resize(image, side, resampling) for image in rgb]
        return self.to_bytes(torch.stack([to_tensor(image) for image in resized]), direction, keep_size=keep_size)

    def _translate(self, images: Tensor, direction: TranslationDirection) -> Tensor:
        if direction not in get_args(TranslationDirection):
            raise unknown("direction", direction, get_args(TranslationDirection))
        if direction == "backward" and self.is_one_way:
            raise UserError(
                f"This file of {self.method.info.label} holds one direction and cannot translate backward: import the "
                "files of both directions together."
            )
        shape = (len(images), images.shape[-2], images.shape[-1])
        self._memory.check(shape)
        reduced = torch.autocast(self.method.device.type, torch.bfloat16, enabled=self.dtype == "bfloat16")
        with self._memory.explained(shape), reduced:
            translated = self.method.translate(images, direction)
        if translated.shape != images.shape:
            asked, made = (f"{image.shape[-1]} x {image.shape[-2]}" for image in (images, translated))
            raise UserError(
                f"{self.method.info.label} translates images of {asked} pixels into {made}: give it {made}, for a"
                f" folder with --size {max(translated.shape[-2:])}."
            )
        return translated.to(images.dtype)


def as_rgb(image: Image.Image) -> Image.Image:
    """Return a Pillow image, of which only the head may have been read, as 8-bit RGB; UserError for a torn file."""
    try:
        image.load()
    except OSError as error:
        raise UserError(f"The image given cannot be read ({error}): open a whole file.") from error
    return to_rgb(image, "given")


def check_keeps_size(width: int, height: int, name: str = "An image") -> None:
    """Raise UserError, which calls the image `name`, for one that is too small to be padded."""
    if min(height, width) < LEAST:
        raise UserError(
            f"{name} of {width} x {height} pixels is too small to keep its size, which takes sides of at least {LEAST}:"
            " give a size instead."
        )


def _is_bytes(images: object) -> bool:
    """Say whether this is an array of RGB images in bytes, one or several."""
    return (
        isinstance(images, np.ndarray)
        and images.dtype == np.uint8
        and images.ndim in (3, 4)
        and images.shape[-1] == 3
        and images.size > 0
    )


def _padded(images: Tensor) -> Tensor:
    """Pad B x 3 x H x W images on the right and below, by reflection, to sides that a generator keeps."""
    height, width = images.shape[-2:]
    check_keeps_size(width, height)
    return F.pad(images, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="reflect")
