"""House fronts seen from across the street, with label maps in the twelve classes of the CMP facade database."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from enco.datasets.demo.canvas import Canvas
from enco.datasets.demo.geometry import ellipse, rectangle
from enco.datasets.demo.nature import sky
from enco.datasets.demo.palettes import FACADES, colour_map
from enco.datasets.demo.texture import Colour, noise, pick, vary

(BACKGROUND, FACADE, WINDOW, DOOR, CORNICE, SILL, BALCONY, BLIND, DECORATION, MOLDING, PILLAR, SHOP) = range(
    len(FACADES)
)
WALLS = [
    (206, 178, 132),
    (186, 120, 96),
    (208, 196, 176),
    (164, 158, 150),
    (222, 204, 150),
    (176, 142, 122),
    (150, 170, 160),
]


@dataclass(frozen=True)
class Front:
    """The measures and colours of one house front."""

    left: float
    right: float
    top: float
    ground: float
    """Height of the ground floor's ceiling."""
    foot: float
    floors: int
    bays: int
    wall: Colour
    trim: Colour
    shutters: bool
    balconies: bool
    pillars: bool
    arched: bool
    shop: bool

    @property
    def bay(self) -> float:
        """Width of one bay."""
        return (self.right - self.left) / self.bays

    def middle(self, bay: int) -> float:
        """Return the middle of a bay, counted from the left."""
        return self.left + (bay + 0.5) * self.bay


def draw(canvas: Canvas, rng: Generator, domain: str, index: int) -> tuple[Image.Image, Image.Image, NDArray[np.uint8]]:
    """Draw a facade's photo, colour label map and class map."""
    front = design(rng, index)
    surroundings(canvas, rng, front)
    wall(canvas, rng, front)
    ground_floor(canvas, rng, front)
    height = (front.ground - front.top - 0.05) / front.floors
    for floor in range(front.floors):
        base = front.top + 0.05 + (floor + 1) * height
        storey(canvas, rng, front, base, height, with_balconies=front.balconies and floor % 2 == front.floors % 2)
    ornaments(canvas, rng, front)
    labels = canvas.labels()
    return photograph(canvas, rng), Image.fromarray(colour_map(labels, FACADES)), labels


def design(rng: Generator, index: int) -> Front:
    """Choose a front; the index makes sure that every kind of part turns up."""
    tone = vary(rng, WALLS[index % len(WALLS)], 10)
    top = rng.uniform(0.06, 0.16)
    return Front(
        left=rng.uniform(-0.03, 0.12),
        right=rng.uniform(0.88, 1.03),
        top=top,
        ground=rng.uniform(0.7, 0.76),
        foot=rng.uniform(0.93, 0.97),
        floors=int(rng.integers(2, 5)),
        bays=int(rng.integers(3, 6)),
        wall=tone,
        trim=vary(rng, np.asarray(tone) * 0.4 + 140, 6),
        shutters=index % 3 == 0,
        balconies=index % 3 == 1,
        pillars=index % 4 == 2,
        arched=bool(rng.random() < 0.3),
        shop=index % 2 == 0,
    )


def surroundings(canvas: Canvas, rng: Generator, front: Front) -> None:
    """Draw sky, neighbours' walls and pavement, all of them background."""
    sky(canvas, rng, (120, 160, 208), (214, 224, 232), 0.5, rng.uniform(0, 1))
    for left, right in ((-0.1, front.left), (front.right, 1.1)):
        canvas.fill(rectangle(left, front.top + rng.uniform(0, 0.3), right, front.foot), vary(rng, (128, 116, 106), 18))
    canvas.fill(rectangle(-0.1, front.foot, 1.1, 1.1), vary(rng, (120, 118, 116)))
    canvas.classes.paste(BACKGROUND, (0, 0, canvas.side, canvas.side))


def wall(canvas: Canvas, rng: Generator, front: Front) -> None:
    """Draw the plain wall, the cornice under the roof and the moldings between floors."""
    canvas.fill(
        rectangle(front.left - 0.01, front.top - 0.06, front.right + 0.01, front.top), (104, 66, 56), BACKGROUND
    )
    canvas.fill(rectangle(front.left, front.top, front.right, front.foot), front.wall, FACADE)
    canvas.fill(rectangle(front.left - 0.01, front.top, front.right + 0.01, front.top + 0.035), front.trim, CORNICE)
    shade(canvas, front.left, front.top + 0.035, front.right, front.top + 0.05)
    canvas.fill(rectangle(front.left, front.ground, front.right, front.ground + 0.018), front.trim, MOLDING)


def storey(canvas: Canvas, rng: Generator, front: Front, base: float, height: float, with_balconies: bool) -> None:
    """Draw one floor of windows, each with a sill and, by the design, shutters or a balcony."""
    half, top, bottom = front.bay * 0.26, base - height * 0.8, base - height * 0.18
    for bay in range(front.bays):
        x = front.middle(bay)
        window(canvas, rng, front, x, half, top, bottom)
        canvas.fill(rectangle(x - half * 1.25, bottom, x + half * 1.25, bottom + 0.016), front.trim, SILL)
        shade(canvas, x - half * 1.2, bottom + 0.016, x + half * 1.2, bottom + 0.026)
        if front.shutters:
            for left, right in ((x - half * 1.75, x - half), (x + half, x + half * 1.75)):
                canvas.fill(
                    rectangle(left, top, right, bottom), (66, 96, 76) if front.bays % 2 else (110, 74, 54), BLIND
                )
        elif not front.arched:
            canvas.fill(rectangle(x - half * 1.2, top - 0.022, x + half * 1.2, top - 0.006), front.trim, DECORATION)
        if with_balconies and bay % 2 == front.bays // 2 % 2:
            balcony(canvas, x, half * 1.6, bottom)


def window(canvas: Canvas, rng: Generator, front: Front, x: float, half: float, top: float, bottom: float) -> None:
    """Draw the frame, the panes (sky or a curtain) and the crossbars."""
    frame, pane = vary(rng, (232, 228, 218), 6), vary(rng, (64, 76, 92), 16)
    if front.arched:
        canvas.fill(ellipse((x, top), (half, half * 0.9)), frame, WINDOW)
        canvas.fill(ellipse((x, top), (half * 0.75, half * 0.65)), pane, WINDOW)
    canvas.fill(rectangle(x - half, top, x + half, bottom), frame, WINDOW)
    canvas.fill(rectangle(x - half * 0.8, top + 0.01, x + half * 0.8, bottom - 0.01), pane, WINDOW)
    mirror = np.array([(x - half * 0.8, top + 0.01), (x + half * 0.5, top + 0.01), (x - half * 0.8, bottom - 0.02)])
    canvas.fill(mirror, np.asarray(pane) * 0.6 + 78)
    if rng.random() < 0.25:
        canvas.fill(rectangle(x - half * 0.8, top + 0.01, x + half * 0.8, (top + bottom) / 2), (214, 206, 190), BLIND)
    canvas.fill(rectangle(x - 0.005, top, x + 0.005, bottom), frame)
    canvas.fill(rectangle(x - half, top * 0.6 + bottom * 0.4, x + half, top * 0.6 + bottom * 0.4 + 0.009), frame)


def balcony(canvas: Canvas, x: float, half: float, floor: float) -> None:
    """Draw a slab with an iron railing before the lower part of a window."""
    canvas.fill(rectangle(x - half, floor - 0.055, x + half, floor + 0.02), (150, 148, 146), BALCONY)
    for bar in np.linspace(x - half, x + half, 9):
        canvas.fill(rectangle(bar - 0.004, floor - 0.055, bar + 0.004, floor), (44, 44, 48))
    canvas.fill(rectangle(x - half, floor - 0.06, x + half, floor - 0.05), (44, 44, 48))
    shade(canvas, x - half, floor + 0.02, x + half, floor + 0.045)


def ground_floor(canvas: Canvas, rng: Generator, front: Front) -> None:
    """Draw a door between shop windows or plain windows."""
    top, door_bay = front.ground + 0.05, int(rng.integers(front.bays))
    if front.shop:
        area = rectangle(front.left + 0.02, front.ground + 0.03, front.right - 0.02, front.foot - 0.01)
        canvas.fill(area, vary(rng, (92, 62, 52), 16), SHOP)
        awning(canvas, rng, front)
    for bay in range(front.bays):
        x, half = front.middle(bay), front.bay * 0.36
        if bay == door_bay:
            door(canvas, rng, front, x, min(half, 0.06), top)
        elif front.shop:
            canvas.fill(rectangle(x - half, top + 0.02, x + half, front.foot - 0.05), vary(rng, (84, 98, 112), 14))
            canvas.fill(
                rectangle(x - half, front.foot - 0.1, x + half, front.foot - 0.05), vary(rng, (170, 140, 90), 24)
            )
        else:
            window(canvas, rng, front, x, half * 0.7, top + 0.01, front.foot - 0.07)


def awning(canvas: Canvas, rng: Generator, front: Front) -> None:
    """Draw a striped awning over the shop."""
    colour, edges = (
        vary(rng, pick(rng, [(180, 52, 48), (52, 104, 84), (60, 84, 150)])),
        np.linspace(front.left + 0.02, front.right - 0.02, 17),
    )
    for number in range(16):
        stripe = rectangle(edges[number], front.ground + 0.025, edges[number + 1], front.ground + 0.075)
        canvas.fill(stripe, colour if number % 2 else (236, 232, 222), SHOP)


def door(canvas: Canvas, rng: Generator, front: Front, x: float, half: float, top: float) -> None:
    """Draw a framed wooden door with a small light above."""
    canvas.fill(rectangle(x - half * 1.25, top - 0.01, x + half * 1.25, front.foot), front.trim, DOOR)
    canvas.fill(rectangle(x - half, top + 0.01, x + half, front.foot), vary(rng, (96, 58, 38), 14), DOOR)
    canvas.fill(rectangle(x - half * 0.8, top + 0.02, x + half * 0.8, top + 0.045), (120, 140, 156), DOOR)
    canvas.fill(rectangle(x - 0.004, top + 0.05, x + 0.004, front.foot), (48, 30, 22), DOOR)


def ornaments(canvas: Canvas, rng: Generator, front: Front) -> None:
    """Draw pillars at the edges of the bays, or medallions between the windows."""
    if front.pillars:
        for edge in np.linspace(front.left + 0.02, front.right - 0.02, front.bays + 1):
            canvas.fill(rectangle(edge - 0.016, front.top + 0.05, edge + 0.016, front.ground), front.trim, PILLAR)
            canvas.fill(
                rectangle(edge + 0.006, front.top + 0.05, edge + 0.016, front.ground), np.asarray(front.trim) * 0.82
            )


def shade(canvas: Canvas, left: float, top: float, right: float, bottom: float) -> None:
    """Draw the shadow of a part that juts out on the wall below."""
    canvas.paint(canvas.mask(rectangle(left, top, right, bottom)).point(lambda level: level * 0.45), (40, 34, 34))


def photograph(canvas: Canvas, rng: Generator) -> Image.Image:
    """Return the photo of the front, with weathered plaster and slanting light."""
    classes = np.asarray(canvas.classes)
    rough = noise(rng, canvas.side, 50, 2) * np.where(classes == FACADE, 7, 3) + noise(rng, canvas.side, 5, 3) * 6
    slant = rng.normal(0, 0.12) * (canvas.x + canvas.y - 1)
    canvas.cover((canvas.pixels() + rough[..., None]) * (1 + slant)[..., None])
    return canvas.photo(rng)
