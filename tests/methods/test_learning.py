"""Every method learns: a training of seconds on a demo task moves a test set towards the target domain.

python -m tests.methods.test_learning [NAME ...] [--seed N]     # the measured numbers as a table

Three methods are tested, one of each family; all twelve where the environment has ALL_METHODS_LEARN, as in CI.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tabulate import tabulate
from torch import Tensor

from enco.data.folders import list_images
from enco.data.images import test_image as load_test_image
from enco.data.unpaired import UnpairedImages
from enco.datasets.demo import make_archive
from enco.methods import available, create, get
from enco.methods.base import Method
from enco.methods.parts.schedule import Schedule

SIZE = 32
ARCHIVE, DIRECTION = "summer2winter_yosemite", "BtoA"
SMALL: dict[str, Any] = {"ngf": 8, "ndf": 8, "crop_size": SIZE, "load_size": SIZE, "patches": 64, "head_width": 64}
FAST: dict[str, Any] = {"lr_g": 1e-3, "lr_d": 3e-4, "lr_f": 1e-3}
OWN: dict[str, dict[str, Any]] = {
    "distancegan": {"directions": "forward", "batch_size": 4},
    "selfdistance": {"directions": "forward", "lambda_distance": 0.3},
    "gcgan": {"lr_g": 2e-3, "lr_d": 1e-4, "lambda_gc": 0.5},
    "fsesim": {"attn_layers": [1, 3, 4], "vgg_width": 0.25, "lambda_spatial": 20, "lr_g": 2e-4},
}
"""Further options that single methods need to learn in few steps on small images."""
STEPS = 200
MORE_STEPS = {"distancegan": 400, "selfdistance": 400, "fsesim": 400, "negcut": 400}
HALF = 5
"""Epochs of full and of decaying rates that the steps are divided into."""
WINDOWS = 5
"""Parts of a training that a loss is averaged over."""
CONTENT = ("nce", "cycle", "image", "recon", "gc", "distance", "spatial")
"""First words of the terms that tie a translation to its source."""
NEARER, LOWER = 0.7, 0.9
LEARNERS = {"cyclegan", "enco", "gcgan"}
"""Methods that learn in every call of the tests: with a cycle, with contrast, and with a constraint of its own."""


@dataclass(frozen=True)
class Learning:
    """The effect of a training: distances of the test set to the target domain, and the content loss."""

    name: str
    distance_before: float
    distance_after: float
    content_highest: float
    content_last: float
    seconds: float

    @property
    def distance_ratio(self) -> float:
        return self.distance_after / self.distance_before

    @property
    def content_ratio(self) -> float:
        return self.content_last / self.content_highest


def learn(name: str, data: Path, seed: int = 0) -> Learning:
    """Train a small form of a method for some steps on one thread, and measure the effect."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    method = create(name, schedule=Schedule(HALF, HALF), **small_options(name))
    source, target = images_in(data / "testB"), images_in(data / "testA")
    begin = time.perf_counter()
    losses = train(method, data, MORE_STEPS.get(name, STEPS))
    seconds = time.perf_counter() - begin
    length = len(losses) // WINDOWS
    windows = [mean(losses[start : start + length]) for start in range(0, len(losses), length)]
    # A generator that still paints one colour has no content to lose, so the fall is counted from the highest.
    return Learning(
        name,
        patch_distance(source, target),
        patch_distance(method.translate(source), target),
        max(windows),
        windows[-1],
        seconds,
    )


def small_options(name: str) -> dict[str, Any]:
    """Return the small settings that a method has, with the options that small images need."""
    model = get(name).info.Options
    common = {key: value for key, value in {**SMALL, **FAST}.items() if key in model.model_fields}
    return common | model.offline_options(SIZE) | OWN.get(name, {})


def train(method: Method, data: Path, steps: int) -> list[float]:
    """Train, with rates that decay in the second half; return the content loss of every step."""
    images = UnpairedImages(data, DIRECTION, method.options, HALF, seed=0)
    count = method.images_per_step
    method.calibrate(images.loader(0, len(images) // count, count))
    losses = []
    for step, batch in enumerate(images.loader(0, steps, count)):
        if step % (steps // (2 * HALF)) == 0:
            method.begin_epoch(1 + step // (steps // (2 * HALF)))
        losses.append(content_of(method.step(batch)))
    return losses


def content_of(terms: dict[str, Tensor]) -> float:
    """Sum a step's content terms, unweighted."""
    return sum(float(value) for name, value in terms.items() if name.split("_")[0] in CONTENT)


def images_in(folder: Path) -> Tensor:
    """Load the images of a folder."""
    return torch.stack([load_test_image(file, SIZE, "bicubic") for file in list_images(folder)])


def patch_distance(a: Tensor, b: Tensor, side: int = 7, directions: int = 128) -> float:
    """Return the sliced Wasserstein distance of two image sets' patches, averaged over scales (Karras et al. 2018).

    As features, patches of 7 x 7 pixels show colour, contrast and texture without a trained network. On so few small
    images this moves evenly with training, while a random Inception mostly follows their overall contrast.
    """
    generator = torch.Generator().manual_seed(0)
    quantiles = torch.linspace(0, 1, 201)
    distances = []
    while a.shape[-1] > side:
        sets = [F.unfold(images, side, stride=2).movedim(1, -1).flatten(0, 1) for images in (a, b)]
        axes = F.normalize(torch.randn(sets[0].shape[1], directions, generator=generator), dim=0)
        along = [torch.quantile(patches @ axes, quantiles, dim=0) for patches in sets]
        distances.append(float((along[0] - along[1]).abs().mean()))
        a, b = (F.avg_pool2d(images, 2) for images in (a, b))
    return mean(distances)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return make_archive(ARCHIVE, tmp_path_factory.mktemp("demo"), size=SIZE)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(available()))
def test_method_learns(name: str, data: Path) -> None:
    if name not in LEARNERS and not os.environ.get("ALL_METHODS_LEARN"):
        pytest.skip("a long training: ALL_METHODS_LEARN=1 tests all methods")
    found = learn(name, data)
    print(f"\n{table([found])}")
    assert found.distance_ratio < NEARER
    assert found.content_ratio < LOWER


def test_distance_tells_domains_apart(data: Path) -> None:
    winter, summer, more = (images_in(data / name) for name in ("testB", "testA", "trainA"))
    assert patch_distance(summer, summer) == 0
    assert patch_distance(summer, more) < 0.2 * patch_distance(winter, more)


def table(found: Iterable[Learning]) -> str:
    """Return the measured numbers as a table, a line for each method."""
    rows = [
        (
            *(f.name, f.distance_before, f.distance_after, f.distance_ratio),
            *(f.content_highest, f.content_last, f.content_ratio, f.seconds),
        )
        for f in found
    ]
    headers = ("method", "input to target", "translated", "ratio", "content, highest", "last", "ratio", "s")
    return tabulate(rows, headers=headers, floatfmt=("", ".3f", ".3f", ".2f", ".3f", ".3f", ".2f", ".1f"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train every method, or the named methods, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.methods.test_learning")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        data = make_archive(ARCHIVE, Path(folder), size=SIZE)
        print(table([learn(name, data, args.seed) for name in args.names or sorted(available())]))


if __name__ == "__main__":
    main()
