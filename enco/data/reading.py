"""How a folder of images is read, as settings and command line options give it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from enco.config.run import LEVELS, RECURSIVE, DataConfig, Levels
from enco.data.folders import BITS, check_images, list_images, load_rgb, load_size


@dataclass(frozen=True)
class Reading:
    """Whether sub-folders are read too, and how many bits of 16-bit grey are used."""

    recursive: bool = False
    levels: Levels = "16bit"

    @classmethod
    def of_config(cls, config: DataConfig) -> Reading:
        """Return what a run's settings say."""
        return cls(config.recursive, config.levels)

    @classmethod
    def of(cls, args: argparse.Namespace) -> Reading:
        """What the options of `add_reading` say; the default for a command that lacks one."""
        return cls(getattr(args, "recursive", False), getattr(args, "levels", "16bit"))

    @property
    def arguments(self) -> list[str]:
        """The same as options of a command; none where it is the usual."""
        levels = [f"--levels {self.levels}"] if self.levels != USUAL.levels else []
        return ["--recursive"] * self.recursive + levels

    def files(self, folder: Path) -> list[Path]:
        """Image files of a folder, as `list_images`."""
        return list_images(folder, self.recursive)

    def load(self, path: Path) -> Image.Image:
        """An image as 8-bit RGB, as `load_rgb`."""
        return load_rgb(path, self.levels)

    def load_size(self, path: Path) -> tuple[int, int]:
        """Width and height of an image that decodes in full, as `load_size`."""
        return load_size(path, self.levels)

    def check(self, folder: Path) -> list[Path]:
        """List a folder's images after decoding each once, as `check_images`."""
        return check_images(folder, self.recursive, self.levels)


USUAL = Reading()


def add_reading(command: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add --recursive and --levels to a command that reads folders of images."""
    command.add_argument("--recursive", action="store_true", help=RECURSIVE.lower().rstrip("."))
    text = LEVELS[0].lower() + LEVELS[1:].rstrip(".")
    command.add_argument("--levels", choices=tuple(BITS), default="16bit", help=f"{text} (default 16bit)")
