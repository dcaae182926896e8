"""A painterly filter: rebuilds a picture from layers of curved brush strokes, coarse to fine.

After Hertzmann, "Painterly rendering with curved brush strokes of multiple sizes" (SIGGRAPH 1998): each layer paints
where the canvas still differs from the picture blurred to the brush's size, along the picture's edges; where there are
no edges, strokes follow slow swirls.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Array = NDArray[np.floating]

BRUSHES = (7.0, 4.0, 2.0)
STEPS = 5


def paint(
    image: Image.Image,
    rng: Generator,
    brushes: Sequence[float] = BRUSHES,
    threshold: float = 14.0,
    colour_jitter: float = 9.0,
    swirl: float = 1.0,
) -> Image.Image:
    """Paint an RGB picture with brushes of the given radii in pixels, from the largest to the smallest.

    `threshold` is the mean RGB difference (0 to 255) that a finer brush still corrects, `colour_jitter` the deviation
    of a stroke's brightness, `swirl` the strength of swirls against edges. Takes and returns the same size.
    """
    canvas = image.filter(ImageFilter.BoxBlur(2 * brushes[0]))
    for number, radius in enumerate(brushes):
        reference = image.filter(ImageFilter.BoxBlur(radius / 2))
        wanted = threshold if number else 0.0
        starts = _starts(canvas, reference, radius, wanted, rng)
        paths = _trace(starts, stroke_angles(reference, 2 * radius, swirl, rng), radius)
        _draw_strokes(canvas, paths, _sample(np.asarray(reference), starts), radius, colour_jitter, rng)
    return canvas


def stroke_angles(image: Image.Image, blur: float, swirl: float, rng: Generator) -> Array:
    """Return the direction of strokes at every pixel, H x W radians: along edges, by the smoothed structure tensor."""
    grey = np.asarray(image.convert("L"), dtype=np.float32)
    dy, dx = np.gradient(grey, axis=0), np.gradient(grey, axis=1)
    difference, product = _blur(dy**2 - dx**2, blur), _blur(-2 * dx * dy, blur)
    flow = np.asarray(
        Image.fromarray(rng.uniform(-1, 1, (4, 4)).astype(np.float32)).resize(image.size, Image.Resampling.BICUBIC)
    )
    weight = swirl * (2 + 0.1 * float(np.mean(dx**2 + dy**2)))
    vertical = product + weight * np.sin(2 * np.pi * flow)
    horizontal = difference + weight * np.cos(2 * np.pi * flow)
    return np.arctan2(vertical, horizontal) / 2


def _starts(canvas: Image.Image, reference: Image.Image, radius: float, threshold: float, rng: Generator) -> Array:
    """Return starts of strokes, N x 2: a jittered grid in random order, where the canvas is off by the threshold."""
    spacing = 1.5 * radius
    x, y = np.meshgrid(np.arange(0, canvas.width, spacing), np.arange(0, canvas.height, spacing))
    points = rng.permutation(np.stack([x.ravel(), y.ravel()], axis=1)) + rng.uniform(0, spacing, (x.size, 2))
    error = np.abs(np.asarray(canvas, dtype=np.float32) - np.asarray(reference, dtype=np.float32)).mean(axis=2)
    return points[_sample(_blur(error, radius), points) >= threshold].astype(np.float32)


def _trace(starts: Array, angles: Array, radius: float) -> Array:
    """Trace strokes that follow the angle field both halves from the middle; N x points x 2."""
    halves = []
    for sign in (-1.0, 1.0):
        position, heading, path = starts, np.zeros_like(starts), []
        for _ in range(STEPS // 2):
            angle = _sample(angles, position)
            step = np.stack([np.cos(angle), np.sin(angle)], axis=1) * sign
            step[(step * heading).sum(axis=1) < 0] *= -1
            position, heading = position + step * radius * 1.2, step
            path.append(position)
        halves.append(path)
    return np.stack([*halves[0][::-1], starts, *halves[1]], axis=1)


def _draw_strokes(
    canvas: Image.Image, paths: Array, colours: Array, radius: float, jitter: float, rng: Generator
) -> None:
    """Draw strokes in place, each with a lighter bristle beside the middle line."""
    draw = ImageDraw.Draw(canvas)
    shift = rng.normal(0, jitter, (len(paths), 1)) + rng.normal(0, jitter / 2, (len(paths), 3))
    bodies, bristles = (np.clip(colours + shift + lift, 0, 255).astype(int).tolist() for lift in (0, 14))
    flat = (len(paths), 2 * paths.shape[1])
    lines, offsets = paths.reshape(flat).tolist(), (paths - 0.45 * radius).reshape(flat).tolist()
    width, thin = max(1, round(1.7 * radius)), max(1, round(0.4 * radius))
    for line, body, offset, bristle in zip(lines, bodies, offsets, bristles, strict=True):
        draw.line(line, fill=tuple(body), width=width)
        draw.line(offset, fill=tuple(bristle), width=thin)


def _sample(field: NDArray, points: Array) -> NDArray:
    """Return a field's values at the pixels nearest to the points (x, y)."""
    height, width = field.shape[:2]
    x, y = np.clip(points[:, 0], 0, width - 1).astype(int), np.clip(points[:, 1], 0, height - 1).astype(int)
    return field[y, x]


def _blur(field: Array, radius: float) -> Array:
    """Blur an H x W field twice with a box."""
    scale = max(float(np.abs(field).max()), 1e-6)
    levels = Image.fromarray(np.uint8(np.clip(field / scale * 127 + 128, 0, 255)))
    blurred = levels.filter(ImageFilter.BoxBlur(radius)).filter(ImageFilter.BoxBlur(radius))
    return (np.asarray(blurred, dtype=np.float32) - 128) / 127 * scale
