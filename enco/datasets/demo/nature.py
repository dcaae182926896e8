"""The parts of landscapes: skies, ridges, trees and grass, drawn on a canvas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from enco.datasets.demo.canvas import Canvas
from enco.datasets.demo.geometry import Pair, Points, ellipse, limb
from enco.datasets.demo.texture import Colour, Field, gradient, noise, soft_mask, tint, vary

CONIFER = np.array(
    [
        (0.0, -1.0),
        (0.11, -0.76),
        (0.06, -0.76),
        (0.17, -0.52),
        (0.1, -0.52),
        (0.22, -0.28),
        (0.14, -0.28),
        (0.26, -0.05),
    ]
)
"""The right half of a fir of height 1 that stands on the origin, top to foot."""


def sky(canvas: Canvas, rng: Generator, zenith: Colour, horizon: Colour, height: float, clouds: float = 0.5) -> None:
    """Draw a sky over the whole canvas, palest at `height`, with white clouds flattened towards the horizon."""
    canvas.cover(gradient(canvas.side, [(0, vary(rng, zenith)), (height, horizon)]))
    cover = noise(rng, canvas.side, 7, 4, stretch=(1, 0.4)) - 1.4 + clouds
    canvas.paint(soft_mask(cover * (1.2 - canvas.y / height)), (250, 250, 250))


def ridge_line(rng: Generator, height: float, relief: float, bumps: int, points: int = 60) -> Points:
    """Return a skyline from left to right about `height`: `bumps` hills across, roughened by smaller ones."""
    x = np.linspace(-0.02, 1.02, points)
    y = np.full(points, height)
    for octave in range(5):
        knots = rng.uniform(-1, 1, max(2, bumps * 2**octave + 1))
        y += relief * 0.5**octave * np.interp(x, np.linspace(-0.02, 1.02, len(knots)), knots)
    return np.stack([x, y], axis=1)


def below(line: Points) -> Points:
    """Return the outline of everything below a skyline."""
    return np.concatenate([line, [[1.02, 1.02], [-0.02, 1.02]]])


def ground(canvas: Canvas, rng: Generator, top: Colour, bottom: Colour, horizon: float, rough: float = 0.1) -> Field:
    """Return a colour field for level ground from the horizon down, with a texture that is coarser near the viewer."""
    far, near = (noise(rng, canvas.side, cells, 3, stretch=(1, 0.5)) for cells in (40, 14))
    depth = np.clip((canvas.y - horizon) / (1 - horizon), 0, 1)
    return tint(gradient(canvas.side, [(horizon, top), (1, bottom)]), rough * (far * (1 - depth) + near * depth))


def tree(
    canvas: Canvas,
    rng: Generator,
    at: Pair,
    height: float,
    green: Colour,
    flat: float = 1.0,
    bark: Colour = (84, 64, 46),
    label: int | None = None,
) -> None:
    """Draw a broad-leaved tree that stands at `at`, lit from above; `flat` > 1 spreads the crown like an acacia's."""
    stem = limb([(at[0], at[1]), (at[0], at[1] - height * 0.7)], (height * 0.08, height * 0.05))
    canvas.fill(stem, bark, label)
    radius = height * 0.28
    turn, reach = rng.uniform(0, 2 * np.pi, 16), np.sqrt(rng.uniform(0, 1, 16))
    spread = np.stack([np.cos(turn) * flat, np.sin(turn) * 0.8 / flat], axis=1) * (radius * reach)[:, None]
    middle = spread[np.argsort(-spread[:, 1])] - (-at[0], height - radius - at[1])
    for ball, size, shade in zip(middle, rng.uniform(0.35, 0.6, 16) * radius, np.linspace(0.72, 1.3, 16), strict=True):
        leaves = np.asarray(green) * shade * rng.uniform(0.9, 1.1)
        canvas.fill(ellipse(ball, (size * flat**0.5, size / flat**0.5), corners=12), leaves, label)


def conifer(rng: Generator, at: Pair, height: float) -> Points:
    """Return the jagged outline of a fir that stands at `at`."""
    right = CONIFER * (height, height) * rng.uniform((0.85, 1), (1.15, 1), CONIFER.shape)
    return np.concatenate([right, right[::-1] * (-1, 1)]) + np.asarray(at)


def grass_blades(canvas: Canvas, rng: Generator, colour: Colour, area: Sequence[float], count: int) -> None:
    """Draw thin blades inside area (left, top, right, bottom), longer towards the viewer."""
    left, top, right, bottom = area
    shades = [vary(rng, colour, 18) for _ in range(6)]
    feet = rng.uniform((left, top), (right, bottom), (count, 2))
    tips = rng.uniform((-0.5, -2), (0.5, -1), (count, 2)) * 0.03 * (0.4 + feet[:, 1:]) + feet
    for number, blade in enumerate(np.stack([feet - (0.003, 0), feet - (-0.003, 0), tips], axis=1)):
        canvas.fill(blade, shades[number % len(shades)])
