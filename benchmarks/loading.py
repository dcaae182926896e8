"""Measure the cost of preparing an image of training data, step by step, and the wait for images of evaluation.

    python -m benchmarks.loading

Milliseconds of one thread's CPU time per image, medians over a few hundred images: JPEG files of the size, in pixels
and bytes, of the CycleGAN sets and of AFHQ. The table is written to benchmarks/results/loading.csv:

- `cached`: with all images decoded in memory.
- `added`: how much longer an iteration of 0.136 s (EnCo's, by the paper) gets where its two images are prepared between
  the iterations.
- `busy`: how much of their time four workers are busy that prepare images beside the iterations.
- `worker`: CPU time that a worker process spends on an iteration's batch.
- `receive`: CPU time of the training's own process to take a batch.

The ceiling of `worker` divided by a step's time is how many workers keep up with the step.

The second table, benchmarks/results/evaluation.csv, is wall-clock time per image of translating and measuring a folder
of PNG with a stand-in for a GPU that takes 15 ms an image and no CPU time: with files read and written between the
stand-in's batches (`in_turn_ms`), and beside them, as `eval` does (`beside_ms`); `cpu_ms` is all CPU time of the
latter.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from types import SimpleNamespace
from typing import TypeVar

import pandas as pd
import torch
from numpy.random import default_rng
from PIL import Image

from benchmarks.photos import photo, write_photos
from enco.data.folders import decode_all, load_rgb
from enco.data.images import resize, test_image, to_tensor, to_uint8
from enco.data.unpaired import UnpairedImages, random_crop
from enco.options.base import MethodOptions, Preset
from enco.runtime.memory import keep_memory
from enco.translation import translate_folder
from eval.metrics.extraction import extract_features
from eval.metrics.extractor import Extractor

T = TypeVar("T")
RESULTS = Path(__file__).parent / "results" / "loading.csv"
EVALUATION = RESULTS.with_name("evaluation.csv")
KINDS = {"256 px, 25 kB": (256, 25_000), "512 px, 75 kB": (512, 75_000)}
IMAGES, ITEMS = 100, 300
SECONDS_PER_ITERATION = 0.136
"""EnCo's in Table 3 of the paper."""
WORKERS = 4
ALL_MB = 2**20
CPU, SIDE, TEST_IMAGES, BATCH, ROUNDS = torch.device("cpu"), 256, 96, 8, 3
NETWORK_SECONDS = 0.015
"""Seconds of the stand-in for each image."""


def write_pngs(root: Path) -> list[Path]:
    """Write test images of a few different photos."""
    root.mkdir()
    photos = [Image.open(io.BytesIO(photo(SIDE, 25_000, seed))) for seed in range(5)]
    files = [root / f"{index:03}.png" for index in range(TEST_IMAGES)]
    for index, file in enumerate(files):
        photos[index % len(photos)].save(file)
    return files


def milliseconds(work: Callable[[T], object], inputs: Iterable[T]) -> float:
    """Return the median CPU time of a step over all inputs."""
    times = []
    for value in inputs:
        begin = time.thread_time()
        work(value)
        times.append(time.thread_time() - begin)
    return 1000 * statistics.median(times)


def steps(root: Path, options: MethodOptions, load_size: int) -> dict[str, float]:
    """Return the milliseconds of each step of one image."""
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
    """Return the milliseconds of one item, which holds two images, in the constant half."""
    data = UnpairedImages(root, "AtoB", options, n_const=ITEMS, seed=0, cache_mb=cache_mb)
    return milliseconds(data.get, range(ITEMS))


def measure(root: Path, preset: Preset) -> dict[str, float]:
    """Return a line of the table, in milliseconds and percent."""
    options = MethodOptions(preprocess=preset)
    line = steps(root, options, options.load_size)
    for name, cache_mb in (("", 0), ("cached_", ALL_MB)):
        ms = item(root, options, cache_mb) / 2
        added = 2 * ms / (1000 * SECONDS_PER_ITERATION)
        line |= {f"{name}image_ms": ms, f"{name}added_%": 100 * added, f"{name}busy_%": 100 * added / WORKERS}
    line |= through_a_worker(root, options)
    return {key: round(value, 2) for key, value in line.items()}


def through_a_worker(root: Path, options: MethodOptions) -> dict[str, float]:
    """Return the milliseconds of a batch of one item: of the worker, and of the process that receives the batch."""
    loader = UnpairedImages(root, "AtoB", options, n_const=ITEMS, seed=0).loader(0, ITEMS, 1, workers=1)
    before, begin = getrusage(RUSAGE_CHILDREN), time.process_time()
    for _ in loader:
        pass
    receive, after = time.process_time() - begin, getrusage(RUSAGE_CHILDREN)
    worker = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"worker_ms": 1000 * worker / ITEMS, "receive_ms": 1000 * receive / ITEMS}


class StandIn(torch.nn.Module):
    """A network that keeps no CPU busy and returns the images unchanged, or features that are zero."""

    def __init__(self, gives_features: bool) -> None:
        super().__init__()
        self.gives_features = gives_features
        options = SimpleNamespace(test_side=SIDE, interpolation="bicubic")
        self.method = SimpleNamespace(options=options, device=CPU)

    def forward(self, images: torch.Tensor, direction: str = "forward") -> torch.Tensor:
        """Return features of pytorch-fid's shape, or translations."""
        time.sleep(NETWORK_SECONDS * len(images))
        return torch.zeros(len(images), 2048, 1, 1) if self.gives_features else images


def translate_in_turn(files: Sequence[Path], out: Path) -> None:
    """Decode, translate and write each batch before the next."""
    network = StandIn(gives_features=False)
    for start in range(0, len(files), BATCH):
        batch = files[start : start + BATCH]
        images = network(torch.stack(decode_all(batch, lambda file: test_image(file, SIDE, "bicubic"))))
        for file, image in zip(batch, to_uint8(images), strict=True):
            Image.fromarray(image).save(out / file.name)


def translate_overlapped(files: Sequence[Path], out: Path) -> None:
    """Translate as `python -m eval translate` does."""
    translate_folder(StandIn(gives_features=False), files[0].parent, out, batch_size=BATCH)


def extract_in_turn(files: Sequence[Path], out: Path) -> None:
    """Prepare and measure each batch before the next."""
    extractor = Extractor("", "", StandIn(gives_features=True), CPU)
    for start in range(0, len(files), BATCH):
        extract_features(files[start : start + BATCH], extractor, batch_size=BATCH)


def extract_overlapped(files: Sequence[Path], out: Path) -> None:
    """Extract features as `python -m eval features` does."""
    extract_features(files, Extractor("", "", StandIn(gives_features=True), CPU), batch_size=BATCH)


def evaluation(files: Sequence[Path], out: Path) -> list[dict[str, object]]:
    """Return the lines of the second table: medians over rounds, in which both ways take turns."""
    works = {"translate": (translate_in_turn, translate_overlapped), "features": (extract_in_turn, extract_overlapped)}
    lines: list[dict[str, object]] = []
    for name, ways in works.items():
        rounds = [[_clocks(way, files, out) for way in ways] for _ in range(ROUNDS)]
        in_turn, beside, cpu = (
            1000 * statistics.median(one[way][clock] for one in rounds) / len(files)
            for way, clock in ((0, 0), (1, 0), (1, 1))
        )
        lines.append(
            {"work": name, "in_turn_ms": round(in_turn, 2), "beside_ms": round(beside, 2), "cpu_ms": round(cpu, 2)}
        )
    return lines


def _clocks(work: Callable[[Sequence[Path], Path], None], files: Sequence[Path], out: Path) -> tuple[float, float]:
    """Return the seconds of wall-clock and of CPU time."""
    wall, cpu = time.monotonic(), time.process_time()
    work(files, out)
    return time.monotonic() - wall, time.process_time() - cpu


def main() -> None:
    """Measure, print, and write the tables."""
    torch.set_num_threads(1)
    keep_memory()  # as trainings and evaluations do
    lines = []
    presets: tuple[Preset, ...] = ("cut", "paper")
    with tempfile.TemporaryDirectory() as folder:
        for kind, (side, content_bytes) in KINDS.items():
            root = Path(folder, str(side))
            write_photos(root, side, content_bytes, IMAGES)
            lines += [{"files": kind, "preprocess": preset, **measure(root, preset)} for preset in presets]
        out = Path(folder, "translated")
        out.mkdir()
        files = write_pngs(Path(folder, "png"))
        evaluated = evaluation(files, out)
    for content, path in ((lines, RESULTS), (evaluated, EVALUATION)):
        table = pd.DataFrame(content)
        table.to_csv(path, index=False)
        print(table.to_markdown(index=False), end="\n\n")


if __name__ == "__main__":
    main()
