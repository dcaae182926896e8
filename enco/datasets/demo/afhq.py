"""Grey cats and brown dogs: one outline with folded ears, in other colours; eyes, noses and coats differ most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image

from enco.datasets.demo.canvas import Canvas
from enco.datasets.demo.geometry import Points, ellipse, limb, place, rotate, spline
from enco.datasets.demo.texture import Colour, gradient, noise, pick, vary

Placing = Callable[[Points], Points]
"""Takes outlines from the face's own coordinates (head about -1..1, y down) to the canvas."""


@dataclass(frozen=True)
class Coat:
    """Colours of a face's regions; `marks` says how the dark colour is laid on."""

    base: Colour
    dark: Colour
    muzzle: Colour
    eyes: Colour
    marks: str


CAT_COATS = [
    Coat((150, 154, 164), (78, 80, 92), (226, 228, 234), (150, 196, 84), "tabby"),
    Coat((188, 190, 198), (112, 114, 126), (240, 240, 244), (110, 180, 210), "tabby"),
    Coat((112, 118, 134), (78, 82, 98), (138, 144, 158), (206, 178, 62), "plain"),
    Coat((236, 236, 240), (206, 206, 214), (250, 250, 252), (96, 170, 220), "plain"),
    Coat((88, 90, 102), (56, 58, 68), (238, 238, 242), (150, 190, 90), "blaze"),
]
DOG_COATS = [
    Coat((206, 140, 66), (122, 68, 30), (248, 226, 186), (44, 28, 18), "plain"),
    Coat((186, 112, 50), (104, 56, 26), (246, 222, 184), (44, 28, 18), "blaze"),
    Coat((222, 164, 92), (138, 80, 38), (250, 232, 198), (44, 28, 18), "patch"),
    Coat((172, 98, 44), (88, 46, 24), (240, 208, 160), (44, 28, 18), "brows"),
]
GROUNDS = {
    "A": [(120, 150, 190), (150, 140, 190), (110, 130, 170), (170, 170, 200)],
    "B": [(90, 140, 60), (116, 160, 74), (72, 118, 52), (136, 170, 90)],
}
"""A cat lies on blue and violet cushions, a dog on a lawn."""
CAT_HEAD = [(0, -0.8), (0.45, -0.78), (0.82, -0.42), (1.02, 0.1), (0.86, 0.5), (0.45, 0.8), (0, 0.88)]
DOG_HEAD = [(0, -0.84), (0.44, -0.82), (0.8, -0.46), (0.96, 0.08), (0.8, 0.5), (0.46, 0.84), (0, 0.94)]
EAR = [(0.2, -0.8), (0.5, -1.2), (0.86, -1.12), (1.12, -0.6), (0.98, -0.42), (0.76, -0.5)]


def draw(canvas: Canvas, rng: Generator, domain: str, index: int) -> Image.Image:
    """Draw a cat's (domain A) or a dog's (domain B) face before a blurred background."""
    backdrop(canvas, rng, GROUNDS[domain])
    centre, scale = (0.5 + rng.normal(0, 0.025), rng.uniform(0.53, 0.58)), rng.uniform(0.31, 0.37)
    tilt = rng.normal(0, 0.09)

    def at(points: Points) -> Points:
        return place(rotate(points, tilt), centre, scale)

    (cat if domain == "A" else dog)(canvas, rng, at, index)
    return canvas.photo(rng)


def backdrop(canvas: Canvas, rng: Generator, tones: Sequence[Colour]) -> None:
    """Draw what is out of focus behind the head, in these tones."""
    canvas.cover(gradient(canvas.side, [(0, vary(rng, pick(rng, tones))), (1, vary(rng, pick(rng, tones)))]))
    for _ in range(4):
        ball = ellipse(rng.uniform(0, 1, 2), rng.uniform(0.1, 0.3, 2))
        canvas.paint(canvas.mask(ball, blur=0.06), vary(rng, pick(rng, tones)))


def cat(canvas: Canvas, rng: Generator, at: Placing, index: int) -> None:
    """Draw a cat with folded ears: slit pupils in large bright eyes, a small pink nose and whiskers."""
    coat = CAT_COATS[index % len(CAT_COATS)]
    canvas.fill(at(furry(rng, ellipse((0, 1.7), (0.95, 1.05), corners=60), 0.02)), np.asarray(coat.base) * 0.82)
    ears = both(spline(EAR))
    head = furry(rng, spline(closed(CAT_HEAD)), 0.02)
    for ear in ears:
        canvas.fill(at(ear), coat.base)
    canvas.fill(at(head), coat.base)
    marks(canvas, rng, at, coat, ((-0.2, 0.4), (0.2, 0.4)), (0.3, 0.22))
    fur(canvas, rng, [at(head), *(at(ear) for ear in ears)], at, stretch=(0.4, 1.0), depth=0.05)
    for side in (-1, 1):
        cat_eye(canvas, at, side, coat.eyes)
    canvas.fill(at(spline([(-0.13, 0.2), (0.13, 0.2), (0.03, 0.34), (-0.03, 0.34)])), (206, 120, 116))
    mouth(canvas, at, 0.34, 0.2)
    whiskers(canvas, rng, at)


def dog(canvas: Canvas, rng: Generator, at: Placing, index: int) -> None:
    """Draw a dog: a pale muzzle, small dark eyes, a large black nose, often the tongue."""
    coat = DOG_COATS[index % len(DOG_COATS)]
    canvas.fill(at(furry(rng, ellipse((0, 1.75), (0.9, 1.05), corners=60), 0.04)), np.asarray(coat.base) * 0.8)
    head = furry(rng, spline(closed(DOG_HEAD)), 0.03)
    canvas.fill(at(head), coat.base)
    marks(canvas, rng, at, coat, ((0, 0.5), (0, 0.62)), (0.44, 0.42))
    fur(canvas, rng, [at(head)], at, stretch=(1.0, 0.5), depth=0.09)
    ears = both(spline(EAR))
    for ear in ears:
        canvas.fill(at(furry(rng, ear, 0.03)), vary(rng, coat.dark, 8))
    for side in (-1, 1):
        dog_eye(canvas, at, side, coat.eyes)
    if rng.random() < 0.5:
        canvas.fill(at(ellipse((0, 0.98), (0.17, 0.26))), (216, 108, 116))
        canvas.fill(at(limb([(0, 0.85), (0, 1.15)], (0.03, 0.02))), (176, 76, 88))
    mouth(canvas, at, 0.5, 0.3)
    canvas.fill(
        at(spline([(-0.24, 0.2), (0, 0.14), (0.24, 0.2), (0.17, 0.38), (0, 0.46), (-0.17, 0.38)])), (24, 20, 22)
    )
    canvas.fill(at(ellipse((-0.08, 0.22), (0.07, 0.035))), (120, 112, 116))


def marks(canvas: Canvas, rng: Generator, at: Placing, coat: Coat, muzzle: tuple, radii: tuple) -> None:
    """Draw the pattern of a coat, then the muzzle on top."""
    if coat.marks == "tabby":
        tabby(canvas, at, coat.dark)
    elif coat.marks == "mask":
        canvas.paint(canvas.mask(at(ellipse((0, 0.28), (0.62, 0.6))), blur=0.05), coat.dark)
    elif coat.marks == "patch":
        side = pick(rng, (-1, 1))
        canvas.paint(canvas.mask(at(ellipse((0.42 * side, -0.2), (0.34, 0.42))), blur=0.01), coat.dark)
    elif coat.marks == "blaze":
        canvas.fill(at(limb([(0, -0.75), (0, -0.2), (0, 0.4)], (0.14, 0.22, 0.6))), coat.muzzle)
    elif coat.marks == "brows":
        for brow in both(ellipse((0.32, -0.36), (0.13, 0.09))):
            canvas.fill(at(brow), coat.muzzle)
    pads = canvas.mask(*[at(ellipse(centre, radii)) for centre in muzzle], blur=0.012)
    canvas.paint(pads, coat.muzzle)


def tabby(canvas: Canvas, at: Placing, dark: Colour) -> None:
    """Draw an M on the brow and bars on the cheeks."""
    bars = [
        [(0.0, -0.78), (0.0, -0.38)],
        [(0.2, -0.76), (0.16, -0.36)],
        [(0.42, -0.72), (0.36, -0.36)],
        [(0.62, 0.02), (0.98, -0.08)],
        [(0.62, 0.22), (1.0, 0.2)],
        [(0.6, 0.42), (0.9, 0.46)],
    ]
    for bar in bars:
        for outline in both(limb(bar, (0.06, 0.13))):
            canvas.fill(at(outline), dark)


def fur(canvas: Canvas, rng: Generator, outlines: list[Points], at: Placing, stretch: tuple, depth: float) -> None:
    """Round the head by light from above and lay a hairy surface over the face, finer or coarser by `depth`."""
    middle, edge = at(np.array([(0.0, -0.2)]))[0], at(np.array([(1.1, -0.2)]))[0]
    radius = np.hypot(*(edge - middle))
    distance = ((canvas.x - middle[0]) ** 2 + (canvas.y - middle[1]) ** 2) / radius**2
    hair = noise(rng, canvas.side, 40, 2, stretch)
    canvas.light(canvas.mask(*outlines), 1.1 - 0.28 * distance + depth * hair)


def cat_eye(canvas: Canvas, at: Placing, side: int, iris: Colour) -> None:
    """Draw a large bright slanted eye with a slit pupil."""
    centre = np.array([0.4 * side, -0.1])
    canvas.fill(at(ellipse(centre, (0.26, 0.21), -0.25 * side)), (26, 22, 22))
    canvas.fill(at(ellipse(centre, (0.21, 0.17), -0.25 * side)), iris)
    canvas.fill(at(ellipse(centre, (0.065, 0.165))), (14, 12, 14))
    canvas.fill(at(ellipse(centre - (0.07, 0.08), (0.05, 0.045))), (250, 250, 250))


def dog_eye(canvas: Canvas, at: Placing, side: int, iris: Colour) -> None:
    """Draw a small round dark eye."""
    centre = np.array([0.4 * side, -0.1])
    canvas.fill(at(ellipse(centre, (0.16, 0.145))), (20, 16, 16))
    canvas.fill(at(ellipse(centre, (0.11, 0.11))), iris)
    canvas.fill(at(ellipse(centre, (0.06, 0.06))), (10, 8, 8))
    canvas.fill(at(ellipse(centre - (0.05, 0.05), (0.042, 0.042))), (250, 250, 250))


def mouth(canvas: Canvas, at: Placing, top: float, width: float) -> None:
    """Draw the line under the nose and the two bows of the lips."""
    canvas.fill(at(limb([(0, top), (0, top + 0.16)], (0.05, 0.05))), (60, 40, 40))
    for bow in both(limb([(0, top + 0.16), (width * 0.6, top + 0.24), (width, top + 0.16)], (0.05, 0.05, 0.03))):
        canvas.fill(at(bow), (60, 40, 40))


def whiskers(canvas: Canvas, rng: Generator, at: Placing) -> None:
    """Draw three pale hairs to each side."""
    for rise in (-0.1, 0.02, 0.14):
        for hair in both(limb([(0.3, 0.4 + rise * 0.3), (1.25, 0.36 + rise * 2 + rng.normal(0, 0.03))], (0.03, 0.02))):
            canvas.fill(at(hair), (236, 232, 226))


def both(outline: Points) -> tuple[Points, Points]:
    """Return an outline and the mirror image."""
    return outline, outline * (-1, 1)


def closed(half: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return a whole head from the points of the right half, top to chin."""
    return half + [(-x, y) for x, y in half[-2:0:-1]]


def furry(rng: Generator, outline: Points, amount: float) -> Points:
    """Return an outline with hair standing off."""
    middle = outline.mean(axis=0)
    return (outline - middle) * (1 + rng.normal(0, amount, (len(outline), 1))) + middle
