"""Street scenes with their true label maps, in the 19 classes and colours of Cityscapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from enco.datasets.demo.canvas import Canvas
from enco.datasets.demo.geometry import Points, ellipse, limb
from enco.datasets.demo.nature import sky, tree
from enco.datasets.demo.palettes import CITYSCAPES, colour_map
from enco.datasets.demo.texture import Colour, noise, pick, vary

(
    ROAD, SIDEWALK, BUILDING, WALL, FENCE, POLE, LIGHT, SIGN, VEGETATION, TERRAIN,
    SKY, PERSON, RIDER, CAR, TRUCK, BUS, TRAIN, MOTORCYCLE, BICYCLE,
) = range(len(CITYSCAPES))  # fmt: skip
FAR, KERB, HOUSES, EYE, FOCAL = 70.0, 3.6, 6.2, 1.6, 1.05
"""Metres: end of the street, half the road's width, distance of the house fronts, the camera's height; focal length."""
SURFACE = np.array([5, 7, 6, 9, 12, 6, 4, 4, 20, 14, 1, 7, 7, 4, 4, 4, 4, 7, 7] + [0] * 237, dtype=np.float32)
"""How rough a photo of each class is: deviation of its brightness in grey levels."""


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
        """An upright rectangle that faces the camera."""
        points = self.see([left, right, right, left], [high, high, low, low], z)
        self.canvas.fill(points, colour, label)

    def side(self, x: float, low: float, high: float, near: float, far: float, colour: Colour, label: int) -> None:
        """An upright rectangle along the street."""
        self.canvas.fill(self.see(x, [low, low, high, high], [near, far, far, near]), colour, label)

    def floor(self, left: float, right: float, near: float, far: float, colour: Colour, label: int) -> None:
        """A rectangle on the ground."""
        self.canvas.fill(self.see([left, right, right, left], 0.0, [near, near, far, far]), colour, label)

    def disc(self, x: float, y: float, z: float, radius: float, colour: Colour, label: int) -> None:
        """A circle that faces the camera."""
        self.canvas.fill(ellipse(self.see([x], y, z)[0], (radius * FOCAL / z,) * 2, corners=14), colour, label)

    def stick(self, points: list[tuple[float, float]], z: float, width: float, colour: Colour, label: int) -> None:
        """A bent bar through (right, up) points at one distance, at least a pixel of the photo wide."""
        x, y = np.array(points).T
        across = max(width * FOCAL / z, 1.0 / self.canvas.size)
        self.canvas.fill(limb(self.see(x, y, z), [across] * len(points)), colour, label)


def draw(canvas: Canvas, rng: Generator, domain: str, index: int) -> tuple[Image.Image, Image.Image, NDArray[np.uint8]]:
    """A street's photo, colour label map and trainId map; over twelve indices every class turns up."""
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
    """The street under uneven light, each material with a surface of its own."""
    classes = np.asarray(canvas.classes)
    rough = noise(rng, canvas.side, 60, 2) * SURFACE[classes] + noise(rng, canvas.side, 6, 3) * 7
    canvas.cover(canvas.pixels() + rough[..., None])
    return canvas.photo(rng, grain=3.5, light=0.12)


def backdrop(street: Street) -> None:
    """Sky, and what closes the street at its far end."""
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
    """Road with lane marks, kerbs and sidewalks."""
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
    """A row of houses with windows, doors and shops."""
    rng, far = street.rng, FAR
    fronts = []
    while start < far:
        fronts.append((start, start + rng.uniform(6, 12), rng.uniform(7, 16)))
        start = fronts[-1][1]
    for near, end, height in reversed(fronts):
        house(street, side, near, end, height)


def house(street: Street, side: int, near: float, far: float, height: float) -> None:
    """One house: its gable where it stands out, its front with rows of windows, the ground floor darker."""
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
    """Grass behind a fence, with trees."""
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
    """A garden wall with trees and hedges above it."""
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
    """Houses behind a strip of grass and a hedge."""
    rng = street.rng
    houses(street, side, 6.0)
    street.floor(side * (KERB + 1.6), side * HOUSES, 0.8, FAR, vary(rng, (110, 136, 66)), TERRAIN)
    street.side(side * HOUSES * 0.98, 0, 1.1, 6, FAR, vary(rng, (62, 90, 44)), VEGETATION)


SIDES: list[tuple[Callable[[Street, int], None], Callable[[Street, int], None]]] = [
    (houses, houses), (houses, park), (walled, houses), (verge, houses), (park, walled), (houses, verge)]  # fmt: skip


def objects(street: Street, index: int) -> list[tuple[float, Callable[[], None]]]:
    """What stands and drives in the street: (distance, how to draw it). The index decides which rare things appear."""
    rng = street.rng
    side = 1 if index % 2 else -1
    large = (bus, truck, tram)[index % 3]
    riding = (bicycle, motorcycle)[index // 2 % 2]
    things: list[tuple[float, Callable[..., None], tuple[float, ...]]] = []
    for z in np.arange(8 + rng.uniform(0, 4), 36, 9.0):
        things.append((z, street_tree if rng.random() < 0.4 else lamp, (side * (KERB + 0.6),)))
    things.append((rng.uniform(7, 11), traffic_light if index % 3 else sign, (-side * (KERB + 0.35),)))
    things.append((rng.uniform(8, 14), sign, (side * (KERB + 0.4),)))
    things.append((rng.uniform(9, 15), large, (-side * 1.7,)))
    things += [(z, car, (side * 2.4,)) for z in np.arange(rng.uniform(6, 9), 34, rng.uniform(6.0, 9.0))]
    if index % 4:
        things.append((rng.uniform(20, 30), car, (-side * 1.6,)))
    if index % 5 < 4:
        things.append((rng.uniform(4.8, 9.0), riding, (rng.uniform(-1.4, 1.4) - 0.4 * side,)))
    for z in rng.uniform(5.5, 14, rng.integers(2, 5)):
        things.append((z, person, (pick(rng, (-1, 1)) * rng.uniform(KERB - 0.7, KERB + 1.6),)))
    return [(z, partial(paint, street, *place, z)) for z, paint, place in things]


def leafy_tree(street: Street, x: float, z: float, height: float) -> None:
    """A tree: trunk and crown are both vegetation."""
    foot, top = street.see([x, x], [0, height], z)
    green = vary(street.rng, (74, 98, 50))
    tree(street.canvas, street.rng, foot, foot[1] - top[1], green, label=VEGETATION)


def street_tree(street: Street, x: float, z: float) -> None:
    """A tree at the kerb."""
    leafy_tree(street, x, z, street.rng.uniform(4.5, 6.5))


def lamp(street: Street, x: float, z: float) -> None:
    """A street lamp that reaches over the road."""
    street.stick([(x, 0), (x, 6.0), (x - np.sign(x) * 1.4, 6.4)], z, 0.16, (96, 98, 100), POLE)


def traffic_light(street: Street, x: float, z: float) -> None:
    """A pole with three lamps, one lit."""
    street.stick([(x, 0), (x, 3.0)], z, 0.14, (90, 90, 92), POLE)
    street.front(x - 0.24, x + 0.24, 2.5, 3.7, z, (34, 34, 34), LIGHT)
    lit = street.rng.integers(3)
    for number, colour in enumerate([(236, 60, 44), (244, 190, 60), (70, 214, 110)]):
        shade = np.asarray(colour) * (1.0 if number == lit else 0.35)
        street.disc(x, 3.48 - 0.38 * number, z, 0.15, shade, LIGHT)


def sign(street: Street, x: float, z: float) -> None:
    """A round, square or triangular traffic sign on a pole."""
    street.stick([(x, 0), (x, 2.6)], z, 0.1, (128, 130, 132), POLE)
    kind = street.rng.integers(3)
    if kind == 0:
        street.disc(x, 2.7, z, 0.46, (204, 40, 44), SIGN)
        street.disc(x, 2.7, z, 0.3, (240, 240, 240), SIGN)
    elif kind == 1:
        street.front(x - 0.42, x + 0.42, 2.3, 3.15, z, (36, 84, 176), SIGN)
        street.front(x - 0.12, x + 0.12, 2.45, 3.0, z, (236, 238, 240), SIGN)
    else:
        street.canvas.fill(street.see([x - 0.5, x + 0.5, x], [2.3, 2.3, 3.2], z), (216, 60, 44), SIGN)
        street.canvas.fill(street.see([x - 0.26, x + 0.26, x], [2.43, 2.43, 2.92], z), (240, 232, 200), SIGN)


def shadow(street: Street, x: float, half: float, z: float, length: float) -> None:
    """The dark ground under a vehicle."""
    street.floor(x - half * 1.1, x + half * 1.1, z - 0.2, z + length, (46, 46, 50), ROAD)


@dataclass(frozen=True)
class Box:
    """The measures of a boxy vehicle in metres, and its class."""

    half: float
    low: float
    high: float
    length: float
    label: int


def boxy(street: Street, x: float, z: float, box: Box, colour: Colour) -> None:
    """A vehicle's side, rear, rear window, lights and wheels."""
    paint, inner = np.asarray(colour), x - np.sign(x) * box.half
    shadow(street, x, box.half, z, box.length)
    street.side(inner, box.low, box.high, z, z + box.length, paint * 0.72, box.label)
    street.side(inner, box.high * 0.5, box.high * 0.85, z + 0.4, z + box.length - 0.4, (52, 60, 70), box.label)
    for tyre in (-0.8, 0.8):
        street.front(x + (tyre - 0.16) * box.half, x + (tyre + 0.16) * box.half, 0, 0.5, z, (24, 24, 26), box.label)
    street.front(x - box.half, x + box.half, box.low, box.high, z, paint, box.label)


def car(street: Street, x: float, z: float) -> None:
    """A car from behind: body, narrower cabin with window, lights, plate."""
    rng = street.rng
    tones = [
        (176, 30, 34),
        (40, 66, 128),
        (206, 208, 210),
        (46, 48, 52),
        (130, 136, 142),
        (222, 220, 214),
        (52, 96, 76),
    ]
    paint = np.asarray(vary(rng, pick(rng, tones), 8))
    boxy(street, x, z, Box(0.88, 0.3, 0.95, 4.0, CAR), paint)
    inner = x - np.sign(x) * 0.8
    roof = street.see([inner, inner, inner, inner], [0.95, 0.95, 1.45, 1.45], [z + 0.2, z + 3.0, z + 2.4, z + 0.7])
    street.canvas.fill(roof, (58, 66, 76), CAR)
    cabin = street.see([x - 0.84, x + 0.84, x + 0.66, x - 0.66], [0.95, 0.95, 1.48, 1.48], z)
    street.canvas.fill(cabin, paint * 0.85, CAR)
    glass = street.see([x - 0.7, x + 0.7, x + 0.56, x - 0.56], [0.98, 0.98, 1.38, 1.38], z)
    street.canvas.fill(glass, (64, 76, 90), CAR)
    for lamp_x in (-0.72, 0.72):
        street.front(x + lamp_x - 0.14, x + lamp_x + 0.14, 0.68, 0.88, z, (206, 34, 30), CAR)
    street.front(x - 0.26, x + 0.26, 0.5, 0.64, z, (228, 226, 214), CAR)


def truck(street: Street, x: float, z: float) -> None:
    """A lorry with a cargo box."""
    paint = vary(street.rng, pick(street.rng, [(224, 222, 214), (196, 120, 50), (70, 110, 160)]), 8)
    boxy(street, x, z, Box(1.2, 0.6, 3.5, 7.0, TRUCK), paint)
    street.side(x - np.sign(x) * 1.2, 0.9, 3.4, z + 0.2, z + 6.8, np.asarray(paint) * 0.72, TRUCK)
    street.front(x - 0.03, x + 0.03, 0.9, 3.4, z, np.asarray(paint) * 0.5, TRUCK)
    street.front(x - 1.2, x + 1.2, 0.5, 0.85, z, (62, 60, 58), TRUCK)
    for lamp_x in (-1.0, 1.0):
        street.front(x + lamp_x - 0.15, x + lamp_x + 0.15, 0.6, 0.8, z, (210, 40, 34), TRUCK)


def bus(street: Street, x: float, z: float) -> None:
    """A city bus that comes towards the camera."""
    paint = vary(street.rng, pick(street.rng, [(226, 190, 40), (176, 40, 44), (210, 214, 216)]), 6)
    boxy(street, x, z, Box(1.25, 0.35, 3.0, 9.0, BUS), paint)
    street.front(x - 1.1, x + 1.1, 1.25, 2.5, z, (44, 54, 66), BUS)
    street.front(x - 0.8, x + 0.8, 2.62, 2.88, z, (250, 176, 60), BUS)
    for lamp_x in (-0.95, 0.95):
        street.disc(x + lamp_x, 0.75, z, 0.16, (250, 246, 224), BUS)


def tram(street: Street, x: float, z: float) -> None:
    """A tram on its rails, with the wire's pantograph."""
    for rail in (-0.7, 0.7):
        street.floor(x + rail - 0.06, x + rail + 0.06, 0.8, z, (70, 68, 66), ROAD)
    paint = vary(street.rng, pick(street.rng, [(196, 54, 40), (60, 128, 96), (224, 222, 210)]), 6)
    boxy(street, x, z, Box(1.25, 0.2, 3.4, 16.0, TRAIN), paint)
    street.front(x - 1.25, x + 1.25, 1.5, 3.0, z, (232, 228, 214), TRAIN)
    street.front(x - 1.0, x + 1.0, 1.65, 2.85, z, (40, 50, 60), TRAIN)
    street.stick([(x - 0.6, 4.4), (x + 0.6, 4.4), (x, 3.4)], z, 0.08, (60, 60, 62), TRAIN)
    street.disc(x, 0.8, z, 0.17, (252, 248, 220), TRAIN)


def figure(street: Street, x: float, z: float, seat: float, label: int) -> None:
    """A clothed body above the hips at height `seat`."""
    rng = street.rng
    coat = vary(
        rng, pick(rng, [(170, 44, 48), (48, 70, 130), (60, 62, 66), (206, 196, 176), (58, 110, 84), (214, 160, 50)])
    )
    skin = vary(rng, pick(rng, [(226, 182, 150), (150, 104, 76), (96, 66, 50)]), 6)
    for arm in (-0.27, 0.27):
        street.stick([(x + arm * 0.8, seat + 0.55), (x + arm, seat + 0.05)], z, 0.13, np.asarray(coat) * 0.8, label)
    street.stick([(x, seat - 0.05), (x, seat + 0.62)], z, 0.44, coat, label)
    street.disc(x, seat + 0.8, z, 0.15, skin, label)
    street.disc(x, seat + 0.88, z, 0.12, (52, 40, 34), label)


def person(street: Street, x: float, z: float) -> None:
    """A pedestrian in mid-stride."""
    trousers = vary(street.rng, (54, 58, 76))
    stride = street.rng.uniform(0.06, 0.22)
    for foot in (-stride, stride):
        street.stick([(x + foot * 0.4, 0.9), (x + foot, 0.0)], z, 0.18, trousers, PERSON)
    figure(street, x, z, 0.88, PERSON)


def bicycle(street: Street, x: float, z: float) -> None:
    """A cyclist, seen a little from the side."""
    for wheel in (-0.5, 0.5):
        ring(street, x + wheel, z, 0.36, 0.07, BICYCLE)
    frame = [(x - 0.5, 0.36), (x - 0.15, 0.85), (x + 0.35, 0.85), (x - 0.02, 0.36), (x - 0.5, 0.36)]
    street.stick(frame, z, 0.07, vary(street.rng, (170, 50, 44)), BICYCLE)
    street.stick([(x + 0.5, 0.36), (x + 0.36, 0.95), (x + 0.52, 1.0)], z, 0.07, (40, 40, 42), BICYCLE)
    street.stick([(x - 0.15, 0.95), (x + 0.12, 0.7), (x, 0.3)], z, 0.17, (58, 62, 84), RIDER)
    figure(street, x - 0.08, z, 0.95, RIDER)


def motorcycle(street: Street, x: float, z: float) -> None:
    """A motorcyclist with a helmet."""
    for wheel in (-0.6, 0.6):
        ring(street, x + wheel, z, 0.36, 0.16, MOTORCYCLE)
    body = np.array([(-0.7, 0.75), (0.55, 0.95), (0.6, 0.5), (0.2, 0.3), (-0.4, 0.35)])
    paint = vary(street.rng, pick(street.rng, [(180, 36, 36), (44, 52, 60), (40, 80, 160)]))
    street.canvas.fill(street.see(x + body[:, 0], body[:, 1], z), paint, MOTORCYCLE)
    street.disc(x + 0.62, 0.9, z, 0.13, (250, 246, 220), MOTORCYCLE)
    street.stick([(x - 0.2, 0.9), (x + 0.2, 0.65), (x + 0.1, 0.35)], z, 0.2, (44, 44, 50), RIDER)
    figure(street, x - 0.12, z, 0.85, RIDER)
    street.disc(x - 0.12, 1.68, z, 0.2, (224, 224, 226), RIDER)


def ring(street: Street, x: float, z: float, radius: float, width: float, label: int) -> None:
    """A wheel seen from the side."""
    turn = np.linspace(0, 2 * np.pi, 13)
    rim = list(zip((x + radius * np.cos(turn)).tolist(), (radius + radius * np.sin(turn)).tolist(), strict=True))
    street.stick(rim, z, width, (28, 28, 30), label)
