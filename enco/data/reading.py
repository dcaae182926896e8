"""The options of reading a folder of images: sub-folders, and the bits of 16-bit grey."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from enco.config.run import LEVELS, RECURSIVE, DataConfig, Levels
from enco.data.folders import BITS, check_images, list_images, load_rgb, load_size, output_names
from enco.errors import UserError


@dataclass(frozen=True)
class Reading:
    """The options of reading a folder of images, with the readers of enco.data.folders under these options."""

    recursive: bool = False
    """Whether images in sub-folders are read too."""
    levels: Levels = "16bit"
    """How many bits 16-bit grey uses."""

    @classmethod
    def of_config(cls, config: DataConfig) -> Reading:
        """Return the options of a run's settings."""
        return cls(config.recursive, config.levels)

    @classmethod
    def of(cls, args: argparse.Namespace) -> Reading:
        """Return the options of a command line with the arguments of `add_reading`; a missing one has the default."""
        return cls(getattr(args, "recursive", False), getattr(args, "levels", "16bit"))

    @property
    def arguments(self) -> list[str]:
        """Arguments of a command line for these options; none for the default."""
        levels = [f"--levels {self.levels}"] if self.levels != DEFAULT_READING.levels else []
        return ["--recursive"] * self.recursive + levels

    def files(self, folder: Path) -> list[Path]:
        """List the image files of a folder, as `list_images`."""
        return list_images(folder, self.recursive)

    def load(self, path: Path) -> Image.Image:
        """Decode an image as 8-bit RGB, as `load_rgb`."""
        return load_rgb(path, self.levels)

    def load_size(self, path: Path) -> tuple[int, int]:
        """Return width and height of an image that decodes in full, as `load_size`."""
        return load_size(path, self.levels)

    def check(self, folder: Path) -> list[Path]:
        """List a folder's images after decoding each once, as `check_images`."""
        return check_images(folder, self.recursive, self.levels)


DEFAULT_READING = Reading()


def names_in(folder: Path, out: Path, reading: Reading) -> dict[Path, str]:
    """Return the images of a folder with their translations' names; UserError where `out` would be read, too."""
    names = output_names(reading.files(folder), folder)
    if reading.recursive and out.resolve() != folder.resolve() and out.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"--out {out} lies in the folder of the images, whose sub-folders are read: name another one.")
    return names


def add_reading(command: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add --recursive and --levels to a command that reads folders of images."""
    command.add_argument("--recursive", action="store_true", help=RECURSIVE.lower().rstrip("."))
    text = LEVELS[0].lower() + LEVELS[1:].rstrip(".")
    command.add_argument("--levels", choices=tuple(BITS), default="16bit", help=f"{text} (default 16bit)")
