"""The objects of a street: trees, poles and signs, vehicles, people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from enco.datasets.demo.nature import tree
from enco.datasets.demo.street import (
    BICYCLE,
    BUS,
    CAR,
    LIGHT,
    MOTORCYCLE,
    PERSON,
    POLE,
    RIDER,
    ROAD,
    SIGN,
    TRAIN,
    TRUCK,
    VEGETATION,
    Street,
)
from enco.datasets.demo.texture import Colour, pick, vary


def leafy_tree(street: Street, x: float, z: float, height: float) -> None:
    """Draw a tree; trunk and crown are both vegetation."""
    foot, top = street.see([x, x], [0, height], z)
    green = vary(street.rng, (74, 98, 50))
    tree(street.canvas, street.rng, foot, foot[1] - top[1], green, label=VEGETATION)


def street_tree(street: Street, x: float, z: float) -> None:
    """Draw a tree at the kerb."""
    leafy_tree(street, x, z, street.rng.uniform(4.5, 6.5))


def lamp(street: Street, x: float, z: float) -> None:
    """Draw a street lamp that reaches over the road."""
    street.stick([(x, 0), (x, 6.0), (x - np.sign(x) * 1.4, 6.4)], z, 0.16, (96, 98, 100), POLE)


def traffic_light(street: Street, x: float, z: float) -> None:
    """Draw a pole with three lamps, one lit."""
    street.stick([(x, 0), (x, 3.0)], z, 0.14, (90, 90, 92), POLE)
    street.front(x - 0.24, x + 0.24, 2.5, 3.7, z, (34, 34, 34), LIGHT)
    lit = street.rng.integers(3)
    for number, colour in enumerate([(236, 60, 44), (244, 190, 60), (70, 214, 110)]):
        shade = np.asarray(colour) * (1.0 if number == lit else 0.35)
        street.disc(x, 3.48 - 0.38 * number, z, 0.15, shade, LIGHT)


def sign(street: Street, x: float, z: float) -> None:
    """Draw a round, square or triangular traffic sign on a pole."""
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
    """Draw the dark ground under a vehicle."""
    street.floor(x - half * 1.1, x + half * 1.1, z - 0.2, z + length, (46, 46, 50), ROAD)


@dataclass(frozen=True)
class Box:
    """The measures of a boxy vehicle in metres, and the class."""

    half: float
    low: float
    high: float
    length: float
    label: int


def boxy(street: Street, x: float, z: float, box: Box, colour: Colour) -> None:
    """Draw a vehicle's side, rear, rear window, lights and wheels."""
    paint, inner = np.asarray(colour), x - np.sign(x) * box.half
    shadow(street, x, box.half, z, box.length)
    street.side(inner, box.low, box.high, z, z + box.length, paint * 0.72, box.label)
    street.side(inner, box.high * 0.5, box.high * 0.85, z + 0.4, z + box.length - 0.4, (52, 60, 70), box.label)
    for tyre in (-0.8, 0.8):
        street.front(x + (tyre - 0.16) * box.half, x + (tyre + 0.16) * box.half, 0, 0.5, z, (24, 24, 26), box.label)
    street.front(x - box.half, x + box.half, box.low, box.high, z, paint, box.label)


def car(street: Street, x: float, z: float) -> None:
    """Draw a car from behind: body, narrower cabin with window, lights, plate."""
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
    """Draw a lorry with a cargo box."""
    paint = vary(street.rng, pick(street.rng, [(224, 222, 214), (196, 120, 50), (70, 110, 160)]), 8)
    boxy(street, x, z, Box(1.2, 0.6, 3.5, 7.0, TRUCK), paint)
    street.side(x - np.sign(x) * 1.2, 0.9, 3.4, z + 0.2, z + 6.8, np.asarray(paint) * 0.72, TRUCK)
    street.front(x - 0.03, x + 0.03, 0.9, 3.4, z, np.asarray(paint) * 0.5, TRUCK)
    street.front(x - 1.2, x + 1.2, 0.5, 0.85, z, (62, 60, 58), TRUCK)
    for lamp_x in (-1.0, 1.0):
        street.front(x + lamp_x - 0.15, x + lamp_x + 0.15, 0.6, 0.8, z, (210, 40, 34), TRUCK)


def bus(street: Street, x: float, z: float) -> None:
    """Draw a city bus that comes towards the camera."""
    paint = vary(street.rng, pick(street.rng, [(226, 190, 40), (176, 40, 44), (210, 214, 216)]), 6)
    boxy(street, x, z, Box(1.25, 0.35, 3.0, 9.0, BUS), paint)
    street.front(x - 1.1, x + 1.1, 1.25, 2.5, z, (44, 54, 66), BUS)
    street.front(x - 0.8, x + 0.8, 2.62, 2.88, z, (250, 176, 60), BUS)
    for lamp_x in (-0.95, 0.95):
        street.disc(x + lamp_x, 0.75, z, 0.16, (250, 246, 224), BUS)


def tram(street: Street, x: float, z: float) -> None:
    """Draw a tram on rails, with a pantograph."""
    for rail in (-0.7, 0.7):
        street.floor(x + rail - 0.06, x + rail + 0.06, 0.8, z, (70, 68, 66), ROAD)
    paint = vary(street.rng, pick(street.rng, [(196, 54, 40), (60, 128, 96), (224, 222, 210)]), 6)
    boxy(street, x, z, Box(1.25, 0.2, 3.4, 16.0, TRAIN), paint)
    street.front(x - 1.25, x + 1.25, 1.5, 3.0, z, (232, 228, 214), TRAIN)
    street.front(x - 1.0, x + 1.0, 1.65, 2.85, z, (40, 50, 60), TRAIN)
    street.stick([(x - 0.6, 4.4), (x + 0.6, 4.4), (x, 3.4)], z, 0.08, (60, 60, 62), TRAIN)
    street.disc(x, 0.8, z, 0.17, (252, 248, 220), TRAIN)


def figure(street: Street, x: float, z: float, seat: float, label: int) -> None:
    """Draw a clothed body above the hips at height `seat`."""
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
    """Draw a pedestrian in mid-stride."""
    trousers = vary(street.rng, (54, 58, 76))
    stride = street.rng.uniform(0.06, 0.22)
    for foot in (-stride, stride):
        street.stick([(x + foot * 0.4, 0.9), (x + foot, 0.0)], z, 0.18, trousers, PERSON)
    figure(street, x, z, 0.88, PERSON)


def bicycle(street: Street, x: float, z: float) -> None:
    """Draw a cyclist, seen a little from the side."""
    for wheel in (-0.5, 0.5):
        ring(street, x + wheel, z, 0.36, 0.07, BICYCLE)
    frame = [(x - 0.5, 0.36), (x - 0.15, 0.85), (x + 0.35, 0.85), (x - 0.02, 0.36), (x - 0.5, 0.36)]
    street.stick(frame, z, 0.07, vary(street.rng, (170, 50, 44)), BICYCLE)
    street.stick([(x + 0.5, 0.36), (x + 0.36, 0.95), (x + 0.52, 1.0)], z, 0.07, (40, 40, 42), BICYCLE)
    street.stick([(x - 0.15, 0.95), (x + 0.12, 0.7), (x, 0.3)], z, 0.17, (58, 62, 84), RIDER)
    figure(street, x - 0.08, z, 0.95, RIDER)


def motorcycle(street: Street, x: float, z: float) -> None:
    """Draw a motorcyclist with a helmet."""
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
    """Draw a wheel seen from the side."""
    turn = np.linspace(0, 2 * np.pi, 13)
    rim = list(zip((x + radius * np.cos(turn)).tolist(), (radius + radius * np.sin(turn)).tolist(), strict=True))
    street.stick(rim, z, width, (28, 28, 30), label)
