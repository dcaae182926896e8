"""Square pictures drawn in unit coordinates at several times the final size, together with class maps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

from enco.datasets.demo.geometry import Points
from enco.datasets.demo.texture import Colour, Field, noise

SUPERSAMPLE = 3
SOFTNESS = 1 / 64
"""Blur of a photo, as a share of its width: what narrow networks can draw after a few hundred steps."""
IGNORE = 255


class Canvas:
    """A picture (RGB) and a class map, both `SUPERSAMPLE` times as wide as the result.

    Shapes are N x 2 points with (0, 0) the top left and (1, 1) the bottom right corner. A shape that is drawn with
    a class goes into the class map as well, so that photo and labels agree by construction; others leave the map.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.side = size * SUPERSAMPLE
        self.picture = Image.new("RGB", (self.side, self.side))
        self.classes = Image.new("L", (self.side, self.side), IGNORE)
        self._draw, self._draw_class = ImageDraw.Draw(self.picture), ImageDraw.Draw(self.classes)

    @property
    def x(self) -> Field:
        """Horizontal coordinate of every pixel, 1 x W, to be broadcast."""
        return self.y.T

    @property
    def y(self) -> Field:
        """Vertical coordinate of every pixel, H x 1, to be broadcast."""
        return ((np.arange(self.side, dtype=np.float32) + 0.5) / self.side)[:, None]

    def fill(self, points: Points, colour: Colour, label: int | None = None) -> None:
        """Fill an outline with one colour."""
        outline = self._pixels(points)
        self._draw.polygon(outline, fill=_rgb(colour))
        if label is not None:
            self._draw_class.polygon(outline, fill=label)

    def mask(self, *outlines: Points, blur: float = 0.0) -> Image.Image:
        """Return the union of outlines as an 8-bit mask, softened over about `blur` of the picture's width."""
        image = Image.new("L", (self.side, self.side))
        draw = ImageDraw.Draw(image)
        for outline in outlines:
            draw.polygon(self._pixels(outline), fill=255)
        return image.filter(ImageFilter.BoxBlur(blur * self.side)) if blur else image

    def pattern(self, outline: Points, colour: Colour, share: Callable[[Field, Field], Field]) -> None:
        """Lay a colour over an outline's inside as strongly as share(x, y), from 0 to 1, says at each point."""
        left, top = np.clip(np.floor(outline.min(axis=0) * self.side), 0, self.side - 1).astype(int)
        right, bottom = np.clip(np.ceil(outline.max(axis=0) * self.side), (left + 1, top + 1), self.side).astype(int)
        window = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(window).polygon((outline * self.side - 0.5 - (left, top)).ravel().tolist(), fill=1)
        strength = share(self.x[:, left:right], self.y[top:bottom]) * 255 * np.asarray(window)
        self.picture.paste(_rgb(colour), (left, top, right, bottom), Image.fromarray(_bytes(strength)))

    def paint(self, mask: Image.Image, texture: ArrayLike, label: int | None = None) -> None:
        """Lay a colour field (H x W x 3) or one colour over the picture where the mask is; soft masks blend."""
        array = np.asarray(texture, dtype=np.float32)
        if array.ndim == 1:
            self.picture.paste(_rgb(array), mask=mask)
        else:
            self.picture.paste(Image.fromarray(_bytes(array)), mask=mask)
        if label is not None:
            self.classes.paste(label, mask=mask)

    def cover(self, texture: Field) -> None:
        """Lay a colour field over the whole picture; one column (H x 1 x 3) is spread across."""
        self.picture.paste(Image.fromarray(_bytes(texture)).resize((self.side, self.side), Image.Resampling.NEAREST))

    def light(self, mask: Image.Image, factor: Field) -> None:
        """Brighten or darken the picture under the mask by a field of factors, H x W or broadcastable to H x W."""
        self.paint(mask, self.pixels() * np.broadcast_to(factor, (self.side, self.side))[..., None])

    def pixels(self) -> Field:
        """Return the picture so far, H x W x 3."""
        return np.asarray(self.picture, dtype=np.float32)

    def photo(self, rng: Generator, light: float = 0.1) -> Image.Image:
        """Return the picture through a soft lens, with exposure, colour cast and uneven light."""
        soft = self.picture.filter(ImageFilter.GaussianBlur(SOFTNESS * self.side))
        small = np.asarray(soft.reduce(SUPERSAMPLE), dtype=np.float32)
        cast = rng.normal(1, light / 5, 3) * rng.normal(1, light)
        uneven = 1 + noise(rng, self.size, 1) * light / 2
        return Image.fromarray(_bytes(small * cast * uneven[..., None]))

    def labels(self) -> NDArray[np.uint8]:
        """Return the class map at the result's size, with the class at each pixel's centre."""
        return np.asarray(self.classes)[SUPERSAMPLE // 2 :: SUPERSAMPLE, SUPERSAMPLE // 2 :: SUPERSAMPLE]

    def _pixels(self, points: Points) -> list[float]:
        return (points * self.side - 0.5).ravel().tolist()


def _bytes(array: Field) -> NDArray[np.uint8]:
    return np.clip(array, 0, 255).astype(np.uint8)


def _rgb(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (int(min(max(channel, 0), 255)) for channel in colour)
    return red, green, blue
