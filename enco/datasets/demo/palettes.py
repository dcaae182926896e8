"""Class colours of the label maps, in the order of the class ids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CITYSCAPES = {
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "building": (70, 70, 70),
    "wall": (102, 102, 156),
    "fence": (190, 153, 153),
    "pole": (153, 153, 153),
    "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0),
    "vegetation": (107, 142, 35),
    "terrain": (152, 251, 152),
    "sky": (70, 130, 180),
    "person": (220, 20, 60),
    "rider": (255, 0, 0),
    "car": (0, 0, 142),
    "truck": (0, 0, 70),
    "bus": (0, 60, 100),
    "train": (0, 80, 100),
    "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
}
"""The 19 evaluated classes of Cityscapes by trainId, with the colours of the gtFine_color maps."""

FACADES = {
    "background": (0, 0, 170),
    "facade": (0, 0, 255),
    "window": (0, 85, 255),
    "door": (0, 170, 255),
    "cornice": (0, 255, 255),
    "sill": (85, 255, 170),
    "balcony": (170, 255, 85),
    "blind": (255, 255, 0),
    "decoration": (255, 170, 0),
    "molding": (255, 85, 0),
    "pillar": (255, 0, 0),
    "shop": (170, 0, 0),
}
"""The twelve classes of the CMP facade database, in that database's colours: twelve steps of the jet colour map."""


def colour_map(labels: NDArray[np.uint8], palette: dict[str, tuple[int, int, int]]) -> NDArray[np.uint8]:
    """Convert class ids (H x W; 255 = none, black) to colours (H x W x 3)."""
    table = np.zeros((256, 3), dtype=np.uint8)
    table[: len(palette)] = list(palette.values())
    return table[labels]
