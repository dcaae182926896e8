"""A file of a data folder that is made of one file of an archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image


class EncodedImage(NamedTuple):
    """An image file's content, and the image's width and height."""

    content: bytes
    size: tuple[int, int]


Encode = Callable[[Image.Image, str], EncodedImage]
"""Function that makes a file's content of the decoded original; the second argument names the original in errors."""


@dataclass(frozen=True)
class OutputFile:
    """A file to write into a data folder; without `encode` a copy of the original."""

    set: str
    name: str
    encode: Encode | None = None
