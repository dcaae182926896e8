"""What becomes of a file of an archive: the set and name that it gets, and how its content is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image


class Made(NamedTuple):
    """An image file's content, and the image's width and height."""

    content: bytes
    size: tuple[int, int]


Make = Callable[[Image.Image, str], Made]
"""Makes a file's content of the decoded original and its name, which errors say."""


@dataclass(frozen=True)
class Target:
    """A file of a data folder; without `make` it is the original's bytes."""

    set: str
    file: str
    make: Make | None = None
