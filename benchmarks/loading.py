"""What preparing an image of training data costs, step by step, with and without decoded images in memory.

    python benchmarks/loading.py

Milliseconds of one thread's CPU time per image, medians over a few hundred images: JPEG files of the size, in pixels
and bytes, of the CycleGAN sets and of AFHQ. `cached` is with all images decoded in memory. An iteration takes two
images: `added` is how much longer one of 0.136 s (EnCo's, by the paper) gets where they are prepared between the
iterations, `busy` how much of their time four workers are busy that prepare them beside it. The table is written to
benchmarks/loading.csv.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from numpy.random import default_rng
from PIL import Image

from enco.config import MethodOptions, Preset
from enco.data.folders import load_rgb
from enco.data.images import resize, to_tensor
from enco.data.unpaired import UnpairedImages, random_crop

T = TypeVar("T")
RESULTS = Path(__file__).with_suffix(".csv")
KINDS = {"256 px, 25 kB": (256, 25_000), "512 px, 75 kB": (512, 75_000)}
IMAGES, ITEMS = 100, 300
SECONDS_PER_ITERATION = 0.136
"""EnCo's in Table 3 of the paper."""
WORKERS = 4
ALL_MB = 2**20


def photo(side: int, content_bytes: int, seed: int) -> bytes:
    """A JPEG of coloured noise with the spectrum of photographs, 1/f, of about so many bytes."""
    rng, frequency = default_rng(seed), np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    spectrum = np.fft.fft2(rng.normal(size=(3, side, side))) / np.maximum(frequency, 1 / side)
    levels = np.fft.ifft2(spectrum).real
    levels = 128 + 50 * (levels - levels.mean()) / levels.std()
    image = Image.fromarray(levels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))
    contents = []
    for quality in range(40, 100, 4):
        content = io.BytesIO()
        image.save(content, "JPEG", quality=quality)
        contents.append(content.getvalue())
    return min(contents, key=lambda content: abs(len(content) - content_bytes))


def write_set(root: Path, side: int, content_bytes: int) -> None:
    """trainA and trainB with a few different photos, each many times."""
    photos = [photo(side, content_bytes, seed) for seed in range(5)]
    for name in ("trainA", "trainB"):
        (root / name).mkdir(parents=True)
        for index in range(IMAGES):
            (root / name / f"{index}.jpg").write_bytes(photos[index % len(photos)])


def milliseconds(work: Callable[[T], object], inputs: Iterable[T]) -> float:
    """The median CPU time of a step over its inputs."""
    times = []
    for value in inputs:
        begin = time.thread_time()
        work(value)
        times.append(time.thread_time() - begin)
    return 1000 * statistics.median(times)


def steps(root: Path, options: MethodOptions, load_size: int) -> dict[str, float]:
    """Milliseconds of each step of one image."""
    rng, files = default_rng(0), sorted(root.glob("train?/*.jpg"))
    images = [load_rgb(file) for file in files]
    resized = [resize(image, load_size) for image in images]

    def crop(image: Image.Image) -> torch.Tensor:
        return to_tensor(random_crop(image, options.crop_size, rng).transpose(Image.Transpose.FLIP_LEFT_RIGHT))

    return {
        "decode_ms": milliseconds(load_rgb, files),
        "resize_ms": milliseconds(lambda image: resize(image, load_size), images),
        "crop_ms": milliseconds(crop, resized),
    }


def item(root: Path, options: MethodOptions, cache_mb: int) -> float:
    """Milliseconds of one item, which holds two images, in the constant half."""
    data = UnpairedImages(root, "AtoB", options, n_const=ITEMS, seed=0, cache_mb=cache_mb)
    return milliseconds(data.get, range(ITEMS))


def measure(root: Path, preset: Preset) -> dict[str, float]:
    """A line of the table, in milliseconds and percent."""
    options = MethodOptions(preprocess=preset)
    line = steps(root, options, options.load_size)
    for name, cache_mb in (("", 0), ("cached_", ALL_MB)):
        ms = item(root, options, cache_mb) / 2
        added = 2 * ms / (1000 * SECONDS_PER_ITERATION)
        line |= {f"{name}image_ms": ms, f"{name}added_%": 100 * added, f"{name}busy_%": 100 * added / WORKERS}
    return {key: round(value, 2) for key, value in line.items()}


def main() -> None:
    """Measure, print, and write the table."""
    torch.set_num_threads(1)
    lines = []
    presets: tuple[Preset, ...] = ("cut", "paper")
    with tempfile.TemporaryDirectory() as folder:
        for kind, (side, content_bytes) in KINDS.items():
            root = Path(folder, str(side))
            write_set(root, side, content_bytes)
            lines += [{"files": kind, "preprocess": preset, **measure(root, preset)} for preset in presets]
    table = pd.DataFrame(lines)
    table.to_csv(RESULTS, index=False)
    print(table.to_markdown(index=False))


if __name__ == "__main__":
    main()
