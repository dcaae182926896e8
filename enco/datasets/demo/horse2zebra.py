"""Brindled horses in a green meadow, zebras in a dry savanna: one anatomy, with stripes in other colours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.random import Generator
from PIL import Image

from enco.datasets.demo.canvas import Canvas
from enco.datasets.demo.geometry import Pair, Points, ellipse, limb, place, rotate, spline
from enco.datasets.demo.nature import below, grass_blades, ground, ridge_line, sky, tree
from enco.datasets.demo.texture import Colour, Field, noise, pick, vary

# Anatomy in units of the height at the withers; the hooves stand at y = 0 and the animal looks right.
BARREL = [(-0.47, -0.92), (-0.34, -1.0), (-0.12, -0.95), (0.1, -0.93), (0.3, -1.0), (0.44, -0.92), (0.54, -0.72),
          (0.49, -0.55), (0.3, -0.47), (0.05, -0.45), (-0.2, -0.51), (-0.38, -0.54), (-0.52, -0.74)]  # fmt: skip
HEAD = [(-0.04, -0.08), (0.1, -0.11), (0.3, -0.07), (0.42, -0.065), (0.48, -0.01), (0.46, 0.06), (0.38, 0.075),
        (0.26, 0.07), (0.12, 0.13), (-0.02, 0.12)]  # fmt: skip
EAR = np.array([(-0.02, -0.06), (0.0, -0.2), (0.07, -0.09)])
NECK_ROOT = np.array([0.36, -0.78])
HORSE_COATS = [
    ((132, 72, 34), (52, 28, 18)),
    ((158, 86, 40), (126, 60, 26)),
    ((104, 58, 30), (38, 24, 18)),
]
BRINDLE = 0.6
"""Light of a horse's stripes, as a share of the coat's: they are there, and have to be bleached and blackened."""
ZEBRA_WHITE, ZEBRA_BLACK = (240, 234, 222), (32, 28, 29)
# The rounded body: bright along the back, dark under the belly and down the legs.
LIGHT_HEIGHTS, LIGHT = (-1.5, -0.98, -0.75, -0.48, -0.4, 0), (1.15, 1.2, 1.02, 0.72, 0.85, 0.8)


@dataclass(frozen=True)
class Pose:
    """Angles in radians, clockwise from straight ahead (neck, head) or from straight down (legs)."""

    neck: float
    head: float
    legs: tuple[float, float, float, float]
    """Swing of the near fore, near hind, far fore and far hind leg."""


POSES = [
    Pose(-0.95, 0.75, (0.0, 0.0, -0.12, -0.1)),
    Pose(-0.75, 0.6, (0.3, -0.3, -0.3, 0.3)),
    Pose(0.72, 1.05, (0.1, -0.1, -0.25, 0.2)),
    Pose(-0.5, 0.35, (1.0, -1.0, 0.65, -0.65)),
]


@dataclass(frozen=True)
class Look:
    """Colours of a land."""

    zenith: Colour
    haze: Colour
    hills: Colour
    grass: Field
    leaves: Colour


MEADOW = Look((92, 150, 220), (190, 215, 235), (96, 128, 122), np.array((84, 136, 52)), (58, 104, 44))
SAVANNA = Look((116, 166, 220), (226, 226, 222), (176, 150, 118), np.array((214, 176, 92)), (150, 128, 60))
LOOKS = {"A": MEADOW, "B": SAVANNA}


@dataclass(frozen=True)
class Stand:
    """The place, size and direction of an animal on the canvas."""

    foot: Pair
    scale: float
    mirror: bool
    """Whether the animal looks left instead of right."""

    def see(self, points: Points) -> Points:
        """Convert an outline from the animal's coordinates to the canvas's."""
        return place(points, self.foot, self.scale, self.mirror)

    def own(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Convert canvas coordinates to the animal's."""
        return (x - self.foot[0]) / (-self.scale if self.mirror else self.scale), (y - self.foot[1]) / self.scale


@dataclass(frozen=True)
class Part:
    """A piece of the body, and the direction across the stripes."""

    outline: Points
    across: Points
    """A unit vector; stripes repeat along it."""
    period: float


@dataclass(frozen=True)
class Body:
    """All outlines of one animal; the far legs apart, as far legs are drawn first and darker."""

    near: list[Part]
    far: list[Part]
    crest: Points
    poll: Points
    head_angle: float


def draw(canvas: Canvas, rng: Generator, domain: str, index: int) -> Image.Image:
    """Draw a horse (domain A) or a zebra (domain B), sometimes with another behind, in a meadow.

    Coats have random numbers of their own: with equal ones, poses and the lie of the land are equal in both domains.
    """
    coats = rng.spawn(1)[0]
    look = LOOKS[domain]
    horizon = land(canvas, rng, look)
    scale, mirror = rng.uniform(0.42, 0.54), bool(rng.random() < 0.5)
    head_room = scale * (0.27 if mirror else -0.27)
    foot = (0.5 + head_room + rng.normal(0, 0.04), rng.uniform(0.84, 0.93))
    if rng.random() < 0.3:
        behind = (pick(rng, (0.14, 0.86)) + rng.normal(0, 0.04), horizon + 0.45 * (foot[1] - horizon))
        animal(canvas, coats, domain, pick(rng, POSES), Stand(behind, scale * 0.5, not mirror))
    animal(canvas, coats, domain, POSES[index % len(POSES)], Stand(foot, scale, mirror))
    grass_blades(canvas, rng, look.grass * 0.9, (0, foot[1], 1, 1.02), 70)
    return canvas.photo(rng)


def land(canvas: Canvas, rng: Generator, look: Look) -> float:
    """Draw sky, hills, a line of trees and grass, and return the horizon's height."""
    horizon = rng.uniform(0.3, 0.45)
    sky(canvas, rng, look.zenith, look.haze, horizon, rng.uniform(0.2, 0.8))
    canvas.fill(below(ridge_line(rng, horizon - 0.04, 0.04, 3)), vary(rng, look.hills))
    field = ground(canvas, rng, vary(rng, look.grass * 1.08), vary(rng, look.grass * 0.82), horizon)
    canvas.paint(canvas.mask(below(ridge_line(rng, horizon, 0.008, 4))), field)
    for x in rng.uniform(0, 1, rng.integers(2, 6)):
        foot, height = (x, horizon + rng.uniform(0.0, 0.03)), rng.uniform(0.06, 0.2)
        tree(canvas, rng, foot, height, vary(rng, look.leaves), flat=rng.uniform(1.0, 1.9))
    return horizon


def animal(canvas: Canvas, rng: Generator, domain: str, pose: Pose, stand: Stand) -> None:
    """Draw one animal with a shadow: far legs, near parts, light over the body, then mane and face."""
    canvas.paint(canvas.mask(stand.see(ellipse((0.05, 0.0), (0.62, 0.07))), blur=0.015), (52, 54, 32))
    body = anatomy(pose)
    base, hair = pick(rng, HORSE_COATS) if domain == "A" else (ZEBRA_WHITE, ZEBRA_BLACK)
    coat, start = vary(rng, base, 8), rng.uniform(0, 6)
    tail(canvas, stand, domain, hair)
    for part, shade in [(part, 0.62) for part in body.far] + [(part, 1.0) for part in body.near]:
        outline = stand.see(part.outline)
        canvas.fill(outline, np.asarray(coat) * shade)
        stripes = np.asarray(coat) * shade * BRINDLE if domain == "A" else ZEBRA_BLACK
        canvas.pattern(outline, stripes, partial(stripe, part, stand, start))
    fur = 1 + 0.04 * noise(rng, canvas.side, 24)
    rounding = np.interp(stand.own(canvas.x, canvas.y)[1], LIGHT_HEIGHTS, LIGHT).astype(np.float32)
    canvas.light(canvas.mask(*[stand.see(part.outline) for part in body.near]), rounding * fur)
    mane(canvas, rng, stand, domain, body, hair)
    face(canvas, stand, domain, body, coat)


def stripe(part: Part, stand: Stand, start: float, canvas_x: Field, canvas_y: Field) -> Field:
    """Return how dark a coat is, from 0 to 1; over the rump the stripes bend backwards."""
    x, y = stand.own(canvas_x, canvas_y)
    bend = 1.1 * (y + 0.8) * np.clip((-x - 0.1) / 0.4, 0, 1) * part.across[0]
    wobble = 0.018 * (np.sin(13 * x + 5 * y + start) + np.sin(6 * x - 15 * y + 2 * start))
    phase = (x * part.across[0] + y * part.across[1] + bend + wobble) / part.period
    return np.clip(0.5 + 2.4 * np.sin(2 * np.pi * phase), 0, 1)


def anatomy(pose: Pose) -> Body:
    """Return the outlines of an animal in a pose."""
    along = np.array([np.cos(pose.neck), np.sin(pose.neck)])
    up = np.array([along[1], -along[0]])
    poll = NECK_ROOT + 0.6 * along
    neck = limb([NECK_ROOT - 0.12 * along, NECK_ROOT + 0.26 * along + 0.03 * up, poll], (0.5, 0.31, 0.2))
    across_head = np.array([np.cos(pose.head), np.sin(pose.head)])
    head, ear = (rotate(p, pose.head) + poll for p in (spline(HEAD), EAR))
    crest = limb(
        [NECK_ROOT + 0.02 * along + 0.2 * up, poll - 0.2 * along + 0.155 * up, poll + 0.1 * up], (0.1, 0.12, 0.1)
    )
    swings = pose.legs
    near = [
        *leg(0.36, swings[0], fore=True),
        *leg(-0.38, swings[1], fore=False),
        Part(spline(BARREL), np.array([1.0, 0.0]), 0.29),
        Part(neck, along, 0.26),
        Part(ear, across_head, 0.2),
        Part(head, across_head, 0.2),
    ]
    far = [*leg(0.43, swings[2], fore=True), *leg(-0.3, swings[3], fore=False)]
    return Body(near, far, crest, poll, pose.head)


def leg(hip: float, swing: float, fore: bool) -> list[Part]:
    """Return one leg from the body to the hoof, swung forward by an angle and bent more for a larger swing."""
    knee = (0.0, -0.32) if fore else (-0.09, -0.36)
    joints = np.array([(0.0, -0.66), knee, (knee[0] * 0.6, -0.1), (0.03, 0.0)])
    joints[2:] += np.array([-0.1, -0.06]) * abs(swing)
    outline = limb(joints, (0.24 if fore else 0.36, 0.11, 0.085, 0.1))
    outline = rotate(outline, -swing * 0.7, about=(0.0, -0.66)) + np.array([hip, 0.0])
    return [Part(outline, np.array([0.0, 1.0]), 0.19)]


def tail(canvas: Canvas, stand: Stand, domain: str, hair: Colour) -> None:
    """Draw a horse's full tail, or a zebra's thin one with a tuft."""
    joints = [(-0.45, -0.93), (-0.58, -0.8), (-0.63, -0.55), (-0.6, -0.32)]
    widths, colour = ((0.08, 0.14, 0.15, 0.04), hair) if domain == "A" else ((0.06, 0.05, 0.06, 0.13), (40, 36, 36))
    canvas.fill(stand.see(limb(joints, widths)), colour)


def mane(canvas: Canvas, rng: Generator, stand: Stand, domain: str, body: Body, hair: Colour) -> None:
    """Draw a horse's falling mane and forelock, or a zebra's short brush of dark and light."""
    canvas.fill(stand.see(body.crest), hair if domain == "A" else (44, 40, 40))
    spine = body.crest[:3] * 0.5 + body.crest[:2:-1] * 0.5
    for share in np.linspace(0.05, 0.95, 9):
        root = np.array([np.interp(share, [0, 0.5, 1], spine[:, axis]) for axis in (0, 1)])
        if domain == "A":
            canvas.fill(
                stand.see(limb([root, root - (0.03, -0.17 - 0.06 * rng.random())], (0.1, 0.03))), vary(rng, hair, 8)
            )
        else:
            canvas.fill(stand.see(ellipse(root, (0.016, 0.05), body.head_angle - 0.4, 8)), (226, 220, 208))


def face(canvas: Canvas, stand: Stand, domain: str, body: Body, coat: Colour) -> None:
    """Draw eye and muzzle."""

    def on_head(points: Points) -> Points:
        return stand.see(rotate(points, body.head_angle) + body.poll)

    muzzle = np.asarray(coat) * 0.55 if domain == "A" else (62, 56, 54)
    canvas.fill(on_head(ellipse((0.41, 0.0), (0.075, 0.075))), muzzle)
    canvas.fill(on_head(ellipse((0.14, -0.04), (0.03, 0.026))), (16, 12, 12))
