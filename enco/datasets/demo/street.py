"""A street seen through a camera, and the classes of Cityscapes by trainId."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from enco.datasets.demo.canvas import Canvas
from enco.datasets.demo.geometry import Points, ellipse, limb
from enco.datasets.demo.palettes import CITYSCAPES
from enco.datasets.demo.texture import Colour

(
    ROAD, SIDEWALK, BUILDING, WALL, FENCE, POLE, LIGHT, SIGN, VEGETATION, TERRAIN,
    SKY, PERSON, RIDER, CAR, TRUCK, BUS, TRAIN, MOTORCYCLE, BICYCLE,
) = range(len(CITYSCAPES))  # fmt: skip
FAR, KERB, HOUSES, EYE, FOCAL = 70.0, 3.6, 6.2, 1.6, 1.05
"""Metres: end of the street, half the road's width, distance of the house fronts, the camera's height; focal length."""


@dataclass(frozen=True)
class Street:
    """A canvas seen through a camera that stands in the street: metres right, up and ahead become pixels."""

    canvas: Canvas
    rng: Generator
    vanishing: tuple[float, float]
    light: float
    """Brightness of what faces right against what faces left, around 1."""

    def see(self, right: ArrayLike, up: ArrayLike, ahead: ArrayLike) -> Points:
        """Project points, given as arrays of one length or numbers."""
        x, y, z = np.broadcast_arrays(right, up, np.maximum(ahead, 0.8))
        return np.stack([self.vanishing[0] + FOCAL * x / z, self.vanishing[1] + FOCAL * (EYE - y) / z], axis=1)

    def front(self, left: float, right: float, low: float, high: float, z: float, colour: Colour, label: int) -> None:
        """Draw an upright rectangle that faces the camera."""
        points = self.see([left, right, right, left], [high, high, low, low], z)
        self.canvas.fill(points, colour, label)

    def side(self, x: float, low: float, high: float, near: float, far: float, colour: Colour, label: int) -> None:
        """Draw an upright rectangle along the street."""
        self.canvas.fill(self.see(x, [low, low, high, high], [near, far, far, near]), colour, label)

    def floor(self, left: float, right: float, near: float, far: float, colour: Colour, label: int) -> None:
        """Draw a rectangle on the ground."""
        self.canvas.fill(self.see([left, right, right, left], 0.0, [near, near, far, far]), colour, label)

    def disc(self, x: float, y: float, z: float, radius: float, colour: Colour, label: int) -> None:
        """Draw a circle that faces the camera."""
        self.canvas.fill(ellipse(self.see([x], y, z)[0], (radius * FOCAL / z,) * 2, corners=14), colour, label)

    def stick(self, points: list[tuple[float, float]], z: float, width: float, colour: Colour, label: int) -> None:
        """Draw a bent bar through (right, up) points at one distance, at least a pixel of the photo wide."""
        x, y = np.array(points).T
        across = max(width * FOCAL / z, 1.0 / self.canvas.size)
        self.canvas.fill(limb(self.see(x, y, z), [across] * len(points)), colour, label)
