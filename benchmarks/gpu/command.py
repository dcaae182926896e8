"""What the measuring commands of the GPU script have in common: their arguments, and a file that grows by its cases."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from enco.io.files import atomic_path
from enco.runtime.devices import DEVICES, named_device

SIDE, TINY = 256, 32
"""Sides of images, in pixels: the paper's, and one to try the measurement with."""


def arguments(module: str, description: str | None) -> argparse.Namespace:
    """Read the arguments of a command: `output`, `device`, and `side` with `tiny`."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--device", type=named_device, choices=DEVICES, default="auto")
    parser.add_argument("--tiny", action="store_true", help="networks as small as can be, to try the measurement")
    args = parser.parse_args()
    args.side = TINY if args.tiny else SIDE
    return args


def write_lines(path: Path, columns: Sequence[str], lines: Iterable[Mapping[str, object]]) -> None:
    """Write a result file, whole."""
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(lines)
