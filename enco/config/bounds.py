"""Read numbers of a command line, each within bounds."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from dataclasses import dataclass


@dataclass(frozen=True)
class Whole:
    """The type of an argument that is a whole number, `least` <= number <= `most`."""

    least: int
    most: int

    def __call__(self, text: str) -> int:
        """Read the number; ArgumentTypeError, which argparse prints, for anything else."""
        try:
            number = int(text)
        except ValueError:
            number = self.least - 1
        if not self.least <= number <= self.most:
            raise ArgumentTypeError(f"{text} is no whole number from {self.least} to {self.most}")
        return number


@dataclass(frozen=True)
class Real:
    """The type of an argument that is a number, `above` < number <= `most`."""

    above: float
    most: float

    def __call__(self, text: str) -> float:
        """Read the number; ArgumentTypeError, which argparse prints, for anything else."""
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not self.above < number <= self.most:
            raise ArgumentTypeError(f"{text} is no number above {self.above:g} up to {self.most:g}")
        return number


BATCH_SIZE = Whole(1, 2**16)
COUNT = Whole(1, 10**9)
"""Of images, steps, epochs or jobs where none makes no sense."""
COUNT_OR_NONE = Whole(0, 10**9)
SEVERAL = Whole(2, 10**9)
PROCESSES = Whole(0, 1024)
SEED = Whole(0, 2**32 - 1)
SIDE = Whole(8, 2**14)
"""Of an image, in pixels."""
THREADS = Whole(1, 4096)
