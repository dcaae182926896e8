"""Street scenes with true label maps, in the 19 classes and colours of Cityscapes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from enco.datasets.demo.canvas import Canvas
from enco.datasets.demo.nature import sky
from enco.datasets.demo.palettes import CITYSCAPES, colour_map
from enco.datasets.demo.street import (
    BUILDING,
    FAR,
    FENCE,
    HOUSES,
    KERB,
    ROAD,
    SIDEWALK,
    SKY,
    TERRAIN,
    VEGETATION,
    WALL,
    Street,
)
from enco.datasets.demo.street_objects import (
    bicycle,
    bus,
    car,
    lamp,
    leafy_tree,
    motorcycle,
    person,
    sign,
    street_tree,
    traffic_light,
    tram,
    truck,
)
from enco.datasets.demo.texture import noise, pick, vary

SURFACE = np.array([5, 7, 6, 9, 12, 6, 4, 4, 20, 14, 1, 7, 7, 4, 4, 4, 4, 7, 7] + [0] * 237, dtype=np.float32)
"""How rough a photo of each class is: deviation of its brightness in grey levels."""


def draw(canvas: Canvas, rng: Generator, domain: str, index: int) -> tuple[Image.Image, Image.Image, NDArray[np.uint8]]:
    """Draw a street's photo, colour label map and trainId map; over twelve indices every class turns up."""
    vanishing = (rng.uniform(0.42, 0.58), rng.uniform(0.4, 0.5))
    street = Street(canvas, rng, vanishing, light=float(rng.uniform(0.75, 1.3)))
    backdrop(street)
    surfaces(street)
    for side, kind in zip((-1, 1), SIDES[index % len(SIDES)], strict=True):
        kind(street, side)
    for _, paint in sorted(objects(street, index), key=lambda item: -item[0]):
        paint()
    labels = canvas.labels()
    return photograph(canvas, rng), Image.fromarray(colour_map(labels, CITYSCAPES)), labels


def photograph(canvas: Canvas, rng: Generator) -> Image.Image:
    """Return the photo of the street: uneven light, and a surface for each material."""
    classes = np.asarray(canvas.classes)
    rough = noise(rng, canvas.side, 60, 2) * SURFACE[classes] + noise(rng, canvas.side, 6, 3) * 7
    canvas.cover(canvas.pixels() + rough[..., None])
    return canvas.photo(rng, light=0.12)


def backdrop(street: Street) -> None:
    """Draw the sky and the far end of the street."""
    canvas, rng = street.canvas, street.rng
    overcast = rng.random()
    zenith = np.array((112, 152, 204)) * (1 - overcast) + np.array((190, 194, 198)) * overcast
    sky(canvas, rng, zenith.tolist(), (226, 230, 232), street.vanishing[1], 1.2 * overcast)
    canvas.classes.paste(SKY, (0, 0, canvas.side, canvas.side))
    tone = vary(rng, (92, 108, 84) if rng.random() < 0.5 else (142, 138, 134))
    label = VEGETATION if tone[1] > tone[0] + 3 else BUILDING
    for left in (-30.0, -14.0, 2.0, 16.0):
        street.front(left, left + 15, 0, rng.uniform(5, 11), FAR, vary(rng, tone, 6), label)


def surfaces(street: Street) -> None:
    """Draw road with lane marks, kerbs and sidewalks."""
    rng = street.rng
    grey = vary(rng, (102, 102, 106), 10)
    street.floor(-60, 60, 0.8, FAR, vary(rng, (120, 124, 96), 8), TERRAIN)
    for side in (-1, 1):
        street.floor(side * KERB, side * HOUSES, 0.8, FAR, vary(rng, (156, 150, 146), 7), SIDEWALK)
        street.floor(side * KERB, side * (KERB + 0.18), 0.8, FAR, (184, 180, 174), SIDEWALK)
    street.floor(-KERB, KERB, 0.8, FAR, grey, ROAD)
    for near in np.arange(1 + rng.uniform(0, 4), 45, 5.0):
        street.floor(-0.09, 0.09, near, near + 2.2, (214, 212, 204), ROAD)
    street.floor(-KERB + 0.25, -KERB + 0.37, 0.8, FAR, (200, 198, 190), ROAD)
    if rng.random() < 0.35:
        for left in np.arange(-3.2, 3.2, 1.0):
            street.floor(left, left + 0.5, 9, 11.5, (212, 210, 204), ROAD)


def houses(street: Street, side: int, start: float = 2.0) -> None:
    """Draw a row of houses with windows, doors and shops."""
    rng, far = street.rng, FAR
    fronts = []
    while start < far:
        fronts.append((start, start + rng.uniform(6, 12), rng.uniform(7, 16)))
        start = fronts[-1][1]
    for near, end, height in reversed(fronts):
        house(street, side, near, end, height)


def house(street: Street, side: int, near: float, far: float, height: float) -> None:
    """Draw one house: gable, front with rows of windows, and a darker ground floor."""
    rng, x = street.rng, side * HOUSES
    tones = [(178, 156, 128), (164, 110, 88), (186, 180, 168), (140, 134, 128), (198, 178, 140), (122, 96, 84)]
    tone = np.asarray(vary(rng, pick(rng, tones), 10)) * (street.light if side > 0 else 2 - street.light)
    street.front(min(x, x * 3), max(x, x * 3), 0, height, near, tone * 0.8, BUILDING)
    street.side(x, 0, height, near, far, tone, BUILDING)
    street.side(x, height - 0.5, height, near, far, tone * 0.6, BUILDING)
    street.side(x, 0, 3.0, near, far, tone * 0.82, BUILDING)
    glass = vary(rng, (72, 82, 96), 14)
    for left in np.arange(near + 0.8, far - 1.2, 2.4):
        street.side(x, 0.0 if rng.random() < 0.3 else 0.9, 2.4, left, left + 1.5, np.asarray(glass) * 0.8, BUILDING)
        for low in np.arange(3.9, height - 2, 2.9):
            street.side(x, low, low + 1.7, left, left + 1.2, vary(rng, glass, 10), BUILDING)


def park(street: Street, side: int) -> None:
    """Draw grass behind a fence, with trees."""
    rng, x = street.rng, side * HOUSES
    houses(street, side, 32.0)
    street.floor(x, side * 40, 1.0, 32, vary(rng, (118, 138, 72)), TERRAIN)
    for z in np.sort(rng.uniform(8, 30, 5))[::-1]:
        leafy_tree(street, side * rng.uniform(8.5, 13), z, rng.uniform(5, 8))
    iron = vary(rng, (84, 82, 80))
    for low, high in ((0.0, 0.25), (0.55, 0.75), (1.05, 1.3)):
        street.side(x, low, high, 2.0, 32, iron, FENCE)
    for z in np.arange(3.0, 32, 0.7):
        street.side(x, 0, 1.4, z, z + 0.3, iron, FENCE)


def walled(street: Street, side: int) -> None:
    """Draw a garden wall with trees and hedges behind."""
    rng, x = street.rng, side * HOUSES
    houses(street, side, 36.0)
    street.front(min(x, 5 * x), max(x, 5 * x), 0, 3.2, 35, vary(rng, (70, 92, 50)), VEGETATION)
    for z in np.linspace(34, 7, 7):
        leafy_tree(street, side * rng.uniform(8, 10.5), z, rng.uniform(5, 8.5))
    stone = np.asarray(vary(rng, (150, 138, 124)))
    street.side(x, 0, 2.1, 2.0, 36, stone, WALL)
    street.side(x, 1.9, 2.15, 2.0, 36, stone * 0.75, WALL)
    for z in np.arange(4, 36, 4.0):
        street.side(x, 0, 2.1, z, z + 0.25, stone * 0.8, WALL)


def verge(street: Street, side: int) -> None:
    """Draw houses behind a strip of grass and a hedge."""
    rng = street.rng
    houses(street, side, 6.0)
    street.floor(side * (KERB + 1.6), side * HOUSES, 0.8, FAR, vary(rng, (110, 136, 66)), TERRAIN)
    street.side(side * HOUSES * 0.98, 0, 1.1, 6, FAR, vary(rng, (62, 90, 44)), VEGETATION)


SIDES: list[tuple[Callable[[Street, int], None], Callable[[Street, int], None]]] = [
    (houses, houses), (houses, park), (walled, houses), (verge, houses), (park, walled), (houses, verge)]  # fmt: skip


def objects(street: Street, index: int) -> list[tuple[float, Callable[[], None]]]:
    """Choose the objects of the street: (distance, drawing function); the index decides which rare ones appear."""
    rng = street.rng
    side = 1 if index % 2 else -1
    large = (bus, truck, tram)[index % 3]
    riding = (bicycle, motorcycle)[index // 2 % 2]
    chosen: list[tuple[float, Callable[..., None], tuple[float, ...]]] = []
    for z in np.arange(8 + rng.uniform(0, 4), 36, 9.0):
        chosen.append((z, street_tree if rng.random() < 0.4 else lamp, (side * (KERB + 0.6),)))
    chosen.append((rng.uniform(7, 11), traffic_light if index % 3 else sign, (-side * (KERB + 0.35),)))
    chosen.append((rng.uniform(8, 14), sign, (side * (KERB + 0.4),)))
    chosen.append((rng.uniform(9, 15), large, (-side * 1.7,)))
    chosen += [(z, car, (side * 2.4,)) for z in np.arange(rng.uniform(6, 9), 34, rng.uniform(6.0, 9.0))]
    if index % 4:
        chosen.append((rng.uniform(20, 30), car, (-side * 1.6,)))
    if index % 5 < 4:
        chosen.append((rng.uniform(4.8, 9.0), riding, (rng.uniform(-1.4, 1.4) - 0.4 * side,)))
    for z in rng.uniform(5.5, 14, rng.integers(2, 5)):
        chosen.append((z, person, (pick(rng, (-1, 1)) * rng.uniform(KERB - 0.7, KERB + 1.6),)))
    return [(z, partial(paint, street, *place, z)) for z, paint, place in chosen]
