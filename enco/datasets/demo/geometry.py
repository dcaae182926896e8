"""Outlines of shapes: arrays of N x 2 points, x to the right and y down, in any unit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
Pair = Sequence[float] | Points


def rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    """Return an upright rectangle."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def ellipse(centre: Pair, radii: Pair, angle: float = 0.0, corners: int = 28) -> Points:
    """Return an ellipse turned clockwise by `angle` radians."""
    outline = _circle(corners) * np.asarray(radii)
    return (rotate(outline, angle) if angle else outline) + np.asarray(centre)


def spline(points: ArrayLike, closed: bool = True, steps: int = 6) -> Points:
    """Return a smooth (Catmull-Rom) curve through the points, with `steps` pieces between each two."""
    p = np.asarray(points, dtype=float)
    padded = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    a, b, c, d = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return curve.reshape(-1, 2) if closed else np.concatenate([curve.reshape(-1, 2), p[-1:]])


def limb(joints: ArrayLike, widths: Sequence[float]) -> Points:
    """Return the outline of a bent, tapering tube through the joints, with the given width at each."""
    line = np.asarray(joints, dtype=float)
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    side = np.stack([-along[:, 1], along[:, 0]], axis=1) * np.asarray(widths)[:, None] / 2
    return np.concatenate([line + side, (line - side)[::-1]])


def rotate(points: Points, angle: float, about: Pair = (0.0, 0.0)) -> Points:
    """Rotate points clockwise (as seen, y being down) by `angle` radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return (points - np.asarray(about)) @ np.array([[cos, sin], [-sin, cos]]) + np.asarray(about)


def place(points: Points, at: Pair, scale: float = 1.0, mirror: bool = False) -> Points:
    """Scale the points of a shape drawn about the origin and move them to `at`, after an optional left-right mirror."""
    return points * (np.array([-scale, scale]) if mirror else scale) + np.asarray(at)


@cache
def _circle(corners: int) -> Points:
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)
