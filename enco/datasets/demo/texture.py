"""Textures: seeded noise fields and colour fields, H x W or H x W x 3 arrays; colours are RGB from 0 to 255."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from PIL import Image

T = TypeVar("T")
Field = NDArray[np.floating]
Colour = Sequence[float] | Field


def noise(rng: Generator, side: int, cells: float, octaves: int = 1, stretch: tuple[float, float] = (1, 1)) -> Field:
    """Return smooth value noise of mean 0 and about unit deviation, with `cells` bumps across in the first octave.

    Every octave doubles the bumps and halves their height; `stretch` divides the number of bumps across and down.
    """
    total = np.zeros((side, side), dtype=np.float32)
    for octave in range(octaves):
        across, down = (max(2, round(cells * 2**octave / s) + 1) for s in stretch)
        grid = rng.standard_normal((min(down, side), min(across, side))).astype(np.float32)
        total += np.asarray(Image.fromarray(grid).resize((side, side), Image.Resampling.BICUBIC)) * 0.5**octave
    return total / np.sqrt((0.25 ** np.arange(octaves)).sum())


def gradient(side: int, stops: Sequence[tuple[float, Colour]]) -> Field:
    """Return a vertical run of colours, side x 1 x 3, from (height from 0 at the top to 1, colour), top to bottom."""
    y = (np.arange(side) + 0.5) / side
    heights, colours = [s[0] for s in stops], np.array([s[1] for s in stops], dtype=float)
    return np.stack([np.interp(y, heights, colours[:, channel]) for channel in range(3)], axis=1)[:, None].astype("f4")


def soft_mask(share: Field) -> Image.Image:
    """Convert a field from 0 to 1 (clipped) to an 8-bit mask."""
    return Image.fromarray((np.clip(share, 0, 1) * 255).astype(np.uint8))


def mix(first: ArrayLike, second: ArrayLike, share: ArrayLike) -> Field:
    """Blend colours or colour fields; `share` (of the second, clipped to 0..1) is a number or an H x W field."""
    weight = np.clip(np.asarray(share, dtype=np.float32), 0, 1)
    weight = weight[..., None] if weight.ndim == 2 else weight
    a, b = (np.asarray(colour, dtype=np.float32) for colour in (first, second))
    return a + (b - a) * weight


def tint(colour: ArrayLike, field: ArrayLike) -> Field:
    """Light a colour by a field: 0 keeps the colour, 0.2 makes a colour that is 20 % brighter."""
    return np.asarray(colour, dtype=np.float32) * (1 + np.asarray(field, dtype=np.float32)[..., None])


def vary(rng: Generator, colour: Colour, amount: float = 12.0) -> list[float]:
    """Return a similar colour: brightness moves by `amount` (deviation), each channel by a third of the amount."""
    shifted = np.asarray(colour) + rng.normal(0, amount) + rng.normal(0, amount / 3, 3)
    return [min(max(channel, 0.0), 255.0) for channel in shifted.tolist()]


def pick(rng: Generator, choices: Sequence[T]) -> T:
    """Return one of the choices, drawn uniformly."""
    return choices[int(rng.integers(len(choices)))]
