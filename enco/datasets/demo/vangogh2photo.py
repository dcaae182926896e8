"""Landscapes of fields, hills, trees and houses: as paintings in vivid, swirling strokes, and as photographs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image

from enco.datasets.demo.canvas import Canvas
from enco.datasets.demo.geometry import Pair, ellipse, rectangle, spline
from enco.datasets.demo.nature import below, ground, ridge_line, sky, tree
from enco.datasets.demo.paint import paint
from enco.datasets.demo.texture import Colour, mix, noise, pick, soft_mask, tint, vary


@dataclass(frozen=True)
class Palette:
    """The colours of a scene at one time of the day."""

    zenith: Colour
    horizon: Colour
    hills: Colour
    field: Colour
    trees: Colour
    lights: Colour
    """Sun, moon and stars; the sun is drawn only where it differs from the sky."""
    haze: float = 0.0
    """Share of air between the viewer and the horizon."""
    night: bool = False


PAINTED = [
    Palette((26, 44, 128), (84, 140, 190), (36, 62, 122), (54, 82, 110), (24, 46, 40), (250, 220, 90), night=True),
    Palette((52, 120, 190), (150, 206, 196), (62, 104, 130), (236, 190, 52), (38, 92, 52), (252, 232, 130)),
    Palette((92, 168, 190), (240, 222, 130), (96, 124, 92), (196, 168, 48), (52, 110, 58), (250, 190, 40)),
    Palette((232, 196, 76), (250, 224, 120), (110, 116, 150), (166, 132, 60), (70, 98, 60), (252, 248, 190)),
]
NATURAL = [
    Palette((96, 148, 206), (206, 222, 232), (122, 142, 158), (146, 156, 92), (62, 84, 48), (250, 250, 244), haze=0.4),
    Palette((150, 162, 176), (208, 210, 210), (128, 138, 142), (132, 136, 88), (66, 80, 58), (224, 224, 222), haze=0.4),
    Palette((92, 110, 160), (236, 190, 150), (110, 104, 118), (138, 118, 80), (60, 62, 48), (255, 236, 200), haze=0.4),
    Palette((80, 138, 204), (196, 216, 232), (116, 134, 138), (190, 170, 110), (70, 90, 52), (250, 250, 244), haze=0.4),
]


def draw(canvas: Canvas, rng: Generator, domain: str, index: int) -> Image.Image:
    """Draw a painted landscape (domain A) or a photographed one (domain B)."""
    palette = (PAINTED if domain == "A" else NATURAL)[index % 4]
    landscape(canvas, rng, palette, index)
    if domain == "B":
        return canvas.photo(rng)
    unit = canvas.side / 64
    canvas.picture = paint(canvas.picture, rng, (2.4 * unit, 1.3 * unit, 0.8 * unit), threshold=20, colour_jitter=15)
    return canvas.photo(rng, light=0)


def landscape(canvas: Canvas, rng: Generator, palette: Palette, index: int) -> None:
    """Draw sky, hills, a field in rows or with a path, trees and houses."""
    horizon = rng.uniform(0.42, 0.6)
    sky(canvas, rng, palette.zenith, palette.horizon, horizon, 0.1 if palette.night else rng.uniform(0.3, 1.1))
    heavenly(canvas, rng, palette, horizon)
    for step, height in enumerate((horizon - 0.05, horizon)):
        colour = mix(palette.hills, palette.field, 0.3 * step)
        canvas.fill(below(ridge_line(rng, height - 0.02, 0.05, 2)), vary(rng, colour))
    field(canvas, rng, palette, horizon)
    for _ in range(rng.integers(1, 4)):
        house(
            canvas,
            rng,
            (rng.uniform(0.1, 0.9), horizon + rng.uniform(0.04, 0.1)),
            rng.uniform(0.06, 0.11),
            palette.night,
        )
    for _ in range(rng.integers(2, 6)):
        foot = (rng.uniform(0, 1), horizon + rng.uniform(0.03, 0.12))
        tree(canvas, rng, foot, rng.uniform(0.12, 0.24), vary(rng, palette.trees))
    haze(canvas, palette, horizon)
    if index % 3 != 2:
        foot = (pick(rng, (0.12, 0.85)) + rng.normal(0, 0.04), rng.uniform(0.88, 1.0))
        (cypress if index % 3 else tree)(canvas, rng, foot, rng.uniform(0.55, 0.8), vary(rng, palette.trees))


def heavenly(canvas: Canvas, rng: Generator, palette: Palette, horizon: float) -> None:
    """Draw the sun, or the moon and stars, each in a glow."""
    count = 7 if palette.night else 1
    for number in range(count):
        at, radius = rng.uniform((0.08, 0.06), (0.92, horizon * 0.62)), 0.05 if number == 0 else 0.018
        glow = canvas.mask(ellipse(at, (radius * 2.4,) * 2), blur=radius)
        canvas.paint(glow, mix(palette.lights, palette.zenith, 0.5))
        canvas.fill(ellipse(at, (radius, radius)), palette.lights)


def field(canvas: Canvas, rng: Generator, palette: Palette, horizon: float) -> None:
    """Draw ground in furrows that run to a vanishing point, with a path now and then."""
    land = ground(canvas, rng, vary(rng, palette.field), np.asarray(palette.field) * 0.8, horizon, 0.14)
    slant = (canvas.x - rng.uniform(0.2, 0.8)) / np.maximum(canvas.y - horizon + 0.06, 0.02)
    furrows = 0.16 * np.sin(slant * rng.uniform(9, 16)) + 0.04 * noise(rng, canvas.side, 60)
    canvas.paint(canvas.mask(below(ridge_line(rng, horizon + 0.02, 0.012, 3))), tint(land, furrows))
    if rng.random() < 0.5:
        bend = rng.uniform(0.3, 0.7)
        path = spline([(bend, horizon + 0.04), (bend + 0.08, 0.75), (0.4, 1.03), (0.7, 1.03), (bend + 0.16, 0.75)])
        canvas.paint(canvas.mask(path, blur=0.006), vary(rng, mix(palette.field, (206, 182, 150), 0.6)))


def house(canvas: Canvas, rng: Generator, foot: Pair, height: float, lit: bool) -> None:
    """Draw a cottage with a tiled roof."""
    (x, y), half = foot, height * rng.uniform(0.7, 1.1)
    canvas.fill(rectangle(x - half, y - height * 0.7, x + half, y), vary(rng, (214, 202, 182)))
    canvas.fill(rectangle(x + half * 0.4, y - height * 0.7, x + half, y), (160, 150, 140))
    roof = np.array(
        [(x - half * 1.15, y - height * 0.65), (x - half * 0.6, y - height * 1.15), (x + half * 0.7, y - height * 1.15)]
    )
    canvas.fill(np.concatenate([roof, [(x + half * 1.15, y - height * 0.65)]]), vary(rng, (164, 84, 60)))
    window = (250, 214, 96) if lit else (70, 74, 84)
    for shift in (-0.6, -0.1):
        canvas.fill(rectangle(x + shift * half, y - height * 0.5, x + (shift + 0.25) * half, y - height * 0.25), window)


def cypress(canvas: Canvas, rng: Generator, foot: Pair, height: float, green: Colour) -> None:
    """Draw a tall flame of a tree."""
    x, y = foot
    half = height * rng.uniform(0.1, 0.15)
    flame = [(x - half * 0.4, y), (x - half, y - height * 0.3), (x - half * 0.5, y - height * 0.75), (x, y - height)]
    right = [(x + half * 0.55, y - height * 0.7), (x + half, y - height * 0.3), (x + half * 0.4, y)]
    shade = 0.25 * noise(rng, canvas.side, 16, 2, stretch=(0.5, 2))
    canvas.paint(canvas.mask(spline(flame + right)), tint(np.asarray(green) * 0.9, shade))


def haze(canvas: Canvas, palette: Palette, horizon: float) -> None:
    """Draw the haze before the distance, thickest at the horizon."""
    share = palette.haze * np.exp(-(((canvas.y - horizon) / 0.12) ** 2))
    canvas.paint(soft_mask(np.broadcast_to(share, (canvas.side, canvas.side))), palette.horizon)
