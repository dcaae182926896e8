"""One kind of mountain valley in summer and in winter: granite, firs, a lake or a meadow; snow makes the difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image

from enco.datasets.demo.canvas import Canvas
from enco.datasets.demo.geometry import Pair, Points, ellipse, limb, place, spline
from enco.datasets.demo.nature import below, conifer, ground, ridge_line, sky
from enco.datasets.demo.texture import Colour, mix, noise, soft_mask, tint, vary

SNOW = (238, 242, 250)


@dataclass(frozen=True)
class Season:
    """The colours of a season and how much snow lies, from 0 to 1."""

    zenith: Colour
    horizon: Colour
    rock: Colour
    forest: Colour
    meadow: Colour
    water: Colour
    snow: float


SUMMER = Season((74, 134, 210), (206, 224, 236), (168, 156, 140), (44, 74, 38), (112, 146, 60), (62, 104, 128), 0.0)
WINTER = Season((124, 156, 200), (226, 230, 238), (120, 120, 128), (48, 60, 58), (226, 232, 242), (150, 172, 196), 1.0)


def draw(canvas: Canvas, rng: Generator, domain: str, index: int) -> Image.Image:
    """Draw a valley in summer (domain A) or winter (domain B)."""
    season = SUMMER if domain == "A" else WINTER
    shore = rng.uniform(0.58, 0.7)
    sky(canvas, rng, season.zenith, season.horizon, shore, rng.uniform(0.1, 0.9))
    far = mix(season.rock, (150, 170, 200), 0.5)
    mountain(canvas, rng, ridge_line(rng, shore - 0.2, 0.07, 4), far, season.snow)
    mountain(canvas, rng, peaks(rng, shore, index), vary(rng, season.rock), season.snow)
    forest(canvas, rng, season, shore)
    floor(canvas, rng, season, shore, lake=bool(index % 3))
    for side in rng.permutation([0.06, 0.94])[: 1 + index % 2]:
        foot = (side + rng.normal(0, 0.03), rng.uniform(0.92, 1.02))
        fir(canvas, rng, season, foot, rng.uniform(0.5, 0.75))
    if season.snow and rng.random() < 0.3:
        snowfall(canvas, rng)
    return canvas.photo(rng)


def peaks(rng: Generator, shore: float, index: int) -> Points:
    """Return the skyline of the great walls: a sheer cliff, a half dome or a row of pointed summits."""
    foot, top = shore - 0.02, rng.uniform(0.14, 0.26)
    cliff = [(-0.1, top), (0.26, top + 0.02), (0.36, foot - 0.12), (0.6, foot), (0.74, foot - 0.13), (1.1, top + 0.12)]
    dome = [
        (-0.1, foot - 0.15),
        (0.3, foot),
        (0.48, top + 0.12),
        (0.62, top),
        (0.74, top + 0.04),
        (0.8, foot),
        (1.1, foot),
    ]
    spires = [
        (-0.1, 0.35),
        (0.1, top + 0.08),
        (0.24, foot - 0.12),
        (0.5, top),
        (0.68, foot - 0.16),
        (0.88, top + 0.1),
        (1.1, 0.4),
    ]
    outline = np.array((cliff, dome, spires)[index % 3]) + rng.normal(0, 0.012, 2)
    line = spline(outline, closed=False, steps=9)
    line[:, 1] += rng.normal(0, 0.006, len(line))
    return line if rng.random() < 0.5 else line[::-1] * (-1, 1) + (1, 0)


def mountain(canvas: Canvas, rng: Generator, line: Points, rock: Colour, snow: float) -> None:
    """Draw rock, lit from the left, below a skyline; snow stays where slopes are not steep."""
    relief = noise(rng, canvas.side, 9, 5, stretch=(1, 1.8))
    slope = np.gradient(relief, axis=1) * canvas.side / 30
    mask = canvas.mask(below(line))
    canvas.paint(mask, tint(rock, np.clip(slope * 0.35, -0.45, 0.3)))
    if snow:
        cover = np.clip(0.75 * snow + 0.8 * relief - 0.7 * np.abs(slope) + 0.25, 0, 0.95)
        shade = tint(SNOW, np.clip(slope * 0.25, -0.25, 0.05))
        canvas.paint(mask, mix(canvas.pixels(), shade, cover))


def forest(canvas: Canvas, rng: Generator, season: Season, shore: float) -> None:
    """Draw rows of firs along the valley floor, the nearer the larger and darker."""
    for row in range(3):
        colour = mix(season.forest, (130, 148, 160), 0.35 - 0.15 * row)
        height = 0.07 + 0.035 * row
        for x in np.arange(-0.02, 1.04, 0.045 + 0.01 * row):
            foot = (x + rng.normal(0, 0.015), shore + 0.006 * row)
            snowy = mix(colour, SNOW, season.snow * rng.uniform(0.2, 0.6))
            canvas.fill(conifer(rng, foot, height * rng.uniform(0.6, 1.25)), vary(rng, snowy, 8))


def fir(canvas: Canvas, rng: Generator, season: Season, foot: Pair, height: float) -> None:
    """Draw a large fir in the foreground: tier on tier of branches, each loaded with snow in winter."""
    canvas.fill(limb([(foot[0], foot[1]), (foot[0], foot[1] - height * 0.5)], (0.035, 0.015)), (70, 50, 38))
    for level in np.linspace(0.1, 1.0, 9):
        width = height * (0.05 + 0.24 * (1 - level)) * rng.uniform(0.85, 1.1)
        top, tip = foot[1] - height * min(1.0, level + 0.14), foot[1] - height * (level - 0.07)
        boughs = spline([(foot[0], top), (foot[0] + width, tip), (foot[0], tip - 0.02), (foot[0] - width, tip)])
        canvas.fill(boughs, vary(rng, season.forest, 10))
        if season.snow:
            load = [(0, top), (width * 0.95, tip - 0.008), (0, top + 0.03), (-width * 0.95, tip - 0.008)]
            canvas.fill(place(np.array(load), (foot[0], 0)), vary(rng, SNOW, 6))


def floor(canvas: Canvas, rng: Generator, season: Season, shore: float, lake: bool) -> None:
    """Draw the valley's floor: a meadow, or a lake that mirrors the picture behind a bank of meadow."""
    meadow = ground(
        canvas, rng, vary(rng, season.meadow), np.asarray(season.meadow) * 0.85, shore, 0.05 if season.snow else 0.14
    )
    land = canvas.mask(below(ridge_line(rng, shore + 0.01, 0.004, 3)))
    if not lake:
        canvas.paint(land, meadow)
        path = spline([(0.45, shore), (0.6, 0.8), (0.5, 1.02), (0.85, 1.02), (0.75, 0.8), (0.5, shore)])
        canvas.paint(canvas.mask(path, blur=0.01), vary(rng, season.water))
        return
    canvas.paint(land, water(canvas, rng, season, shore))
    bank = np.concatenate([ridge_line(rng, 0.93, 0.04, 2)])
    canvas.paint(canvas.mask(below(bank)), meadow)


def water(canvas: Canvas, rng: Generator, season: Season, shore: float) -> np.ndarray:
    """Return a lake's colours: the picture above the shore upside down, mixed with water; ice mirrors little."""
    rows = np.clip((2 * shore * canvas.side - np.arange(canvas.side)).astype(int), 0, canvas.side - 1)
    mirrored = canvas.pixels()[rows]
    ripples = noise(rng, canvas.side, 30, 2, stretch=(3, 0.6))
    return tint(mix(mirrored, vary(rng, season.water), 0.75 if season.snow else 0.4), 0.06 * ripples)


def snowfall(canvas: Canvas, rng: Generator) -> None:
    """Draw haze and flakes."""
    canvas.paint(soft_mask(np.full((canvas.side, canvas.side), 0.25)), (220, 226, 236))
    for x, y, size in rng.uniform(size=(60, 3)):
        canvas.fill(ellipse((x, y), (0.004 + 0.006 * size,) * 2, corners=6), (250, 250, 252))
