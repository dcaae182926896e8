"""The arguments of each command of `python -m enco.datasets`."""

from __future__ import annotations

import argparse
from pathlib import Path

from enco.config.bounds import COUNT, SEED, SIDE, Real, Whole
from enco.config.commands import show_example
from enco.data.reading import add_reading
from enco.datasets.catalogue import CATALOGUE
from enco.datasets.cityscapes import FILTERS
from enco.datasets.demo import ARCHIVES as DEMO_ARCHIVES
from enco.datasets.obtain import ARCHIVES

DEMO_SIDE = Whole(16, SIDE.most)
ROOT = Path("data")


def fetch(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `fetch`."""
    show_example(command, "horse2zebra")
    _add_source(command)
    command.add_argument("--record", type=Path, metavar="FILE", help="also write what was found (JSON)")


def prepare(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `prepare`."""
    show_example(command, "horse2zebra")
    _add_source(command)
    command.add_argument("--fetched", type=Path, metavar="FILE", help="what `fetch --record` wrote, to look no further")
    command.add_argument("--out", type=Path, help=f"data folder to make (default: {ROOT}/DATASET)")
    _add_filter(command)
    _add_replace(command)


def demo(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `demo`."""
    show_example(command, "--out data/demo")
    command.add_argument("--out", type=Path, required=True, help="folder that gets one folder for each archive")
    command.add_argument("--dataset", help=f"only this one: {', '.join(DEMO_ARCHIVES)}")
    command.add_argument("--seed", type=SEED, default=0)
    command.add_argument("--size", type=DEMO_SIDE, default=64, help="side of the images in pixels (default 64)")
    command.add_argument(
        "--scale-counts", type=Real(0, 1000), default=1.0, help="multiply the numbers of images (default 1)"
    )
    _add_replace(command)


def check(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `check`."""
    show_example(command, "photos")
    command.add_argument("folder", type=Path, nargs="?", help="folder with trainA, trainB, testA and testB")
    text = "data set of the catalogue whose every file it must have, by SHA-256"
    command.add_argument("--against", metavar="DATASET", help=text)
    add_reading(command)
    text = f"where prepared data sets are (default: {ROOT})"
    command.add_argument("--prepared", type=Path, default=ROOT, metavar="DIR", help=text)
    _add_archives(command)


def manifest(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `manifest`."""
    show_example(command, "photos")
    command.add_argument("folder", type=Path, help="folder with trainA, trainB, testA and testB")
    add_reading(command)


def link(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `link`."""
    show_example(command, "photos --out data/photos")
    command.add_argument("folder", type=Path, help="folder with trainA, trainB, testA and testB")
    command.add_argument("--out", type=Path, required=True, help="data folder to make")
    command.add_argument("--like", metavar="DATASET", help="data set of the catalogue whose counts it must have")
    add_reading(command)
    _add_catalogue(command)
    _add_filter(command)
    _add_replace(command)


def sheet(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `sheet`."""
    show_example(command, "photos --out sheet.png")
    command.add_argument("folder", type=Path)
    add_reading(command)
    command.add_argument("--out", type=Path, required=True, help="PNG file to write")
    command.add_argument("--per-set", type=COUNT, default=5, help="images of each set (default 5)")
    command.add_argument("--tile", type=SIDE, default=128, help="side of an image on the sheet in pixels (default 128)")


def _add_source(command: argparse.ArgumentParser) -> None:
    command.add_argument("dataset", help=f"a name of {CATALOGUE}")
    _add_archives(command)


def _add_archives(command: argparse.ArgumentParser) -> None:
    _add_catalogue(command)
    text = f"where archives are kept (default: {ARCHIVES})"
    command.add_argument("--archives", type=Path, default=ARCHIVES, metavar="DIR", help=text)
    command.add_argument("--mirror", help="address, or folder, that has the archives by the same names")


def _add_catalogue(command: argparse.ArgumentParser) -> None:
    command.add_argument("--catalogue", type=Path, default=CATALOGUE, metavar="FILE", help=f"default: {CATALOGUE}")


def _add_filter(command: argparse.ArgumentParser) -> None:
    text = "what resizes, or has resized, Cityscapes' photos (default: legacy, or whatever it was)"
    command.add_argument("--photo-filter", choices=tuple(FILTERS), help=text)


def _add_replace(command: argparse.ArgumentParser) -> None:
    command.add_argument("--replace", action="store_true", help="replace --out whatever is in it")
