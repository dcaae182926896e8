"""The 19 evaluation classes of Cityscapes (Cordts et al. 2016), in trainId order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IGNORE = 255


LABEL_IDS = {
    "road": 7,
    "sidewalk": 8,
    "building": 11,
    "wall": 12,
    "fence": 13,
    "pole": 17,
    "traffic light": 19,
    "traffic sign": 20,
    "vegetation": 21,
    "terrain": 22,
    "sky": 23,
    "person": 24,
    "rider": 25,
    "car": 26,
    "truck": 27,
    "bus": 28,
    "train": 31,
    "motorcycle": 32,
    "bicycle": 33,
}
"""Each class's id in the label maps that Cityscapes ships."""
NAMES = tuple(LABEL_IDS)


def train_ids(label_ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Map the ids of Cityscapes' own label maps to 0..18, and every id outside the 19 classes to 255."""
    table = np.full(256, IGNORE, dtype=np.uint8)
    table[list(LABEL_IDS.values())] = np.arange(len(LABEL_IDS))
    return table[label_ids]
