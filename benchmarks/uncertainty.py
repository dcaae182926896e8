"""Measure what the uncertainty of one scored set costs: `OMP_NUM_THREADS=1 python -m benchmarks.uncertainty`.

CPU seconds of one thread for a thousand replicates against one set of real images, piece by piece, at the sizes of
Horse -> Zebra and of Cat -> Dog. The features are random numbers, 2,048 an image as Inception's. The table is written
to benchmarks/results/uncertainty.csv.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.random import default_rng
from PIL import Image
from tabulate import tabulate

from benchmarks.speed.hardware import device_label
from enco.data.reading import DEFAULT_READING
from enco.runtime.capabilities import capabilities
from eval.uncertainty.content import pixel_content
from eval.uncertainty.resampling import REPLICATES, replicates
from eval.uncertainty.segmentation import segmentation_replicates

SETS = {"Horse→Zebra": (120, 140), "Cat→Dog": (500, 500)}
"""Generated and real images."""
DIMENSIONS, CLASSES, SIDE, NEIGHBOURS = 2048, 19, 256, 5
OUT = Path(__file__).resolve().parent / "results" / "uncertainty.csv"


def main() -> None:
    """Measure every piece, print the table, and write it."""
    torch.set_num_threads(1)
    import_module("piq")  # loads torchvision, which takes seconds
    lines = [line for task, sizes in SETS.items() for line in _lines(task, *sizes)]
    table = pd.DataFrame(lines)
    print(tabulate(table, headers="keys", showindex=False, floatfmt=".1f"))
    cpu = torch.device("cpu")
    place = {"device": device_label(cpu), "instructions": capabilities(cpu).instructions}
    table.assign(**place).to_csv(OUT, index=False, float_format="%.2f", lineterminator="\n")


def _lines(task: str, generated: int, real: int) -> list[dict[str, object]]:
    random = default_rng(0)
    x, y = (random.normal(size=(n, DIMENSIONS)).astype(np.float32) for n in (generated, real))
    confusion = random.integers(0, 500, (generated, CLASSES, CLASSES))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(generated):
            Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(folder / f"{number:04d}.png")
        work: dict[str, Callable[[], object]] = {
            "distances and neighbours": lambda: replicates(x, y, NEIGHBOURS),
            "segmentation": lambda: segmentation_replicates(confusion),
            "PSNR and SSIM": lambda: pixel_content(folder, folder, SIDE, DEFAULT_READING),
        }
        about = {"task": task, "generated": generated, "real": real, "replicates": REPLICATES}
        return [{**about, "work": name, "cpu_seconds": _cpu_seconds(do)} for name, do in work.items()]


def _cpu_seconds(do: Callable[[], object]) -> float:
    begun = time.process_time()
    do()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
