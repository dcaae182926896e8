"""By how much `fast` changes a training's losses: `python benchmarks/equivalence.py --output FILE.csv`.

Every method is trained from the same weights on the same images in the same order: plainly, fast, and plainly again
with other draws (positions, noise, pools). A term's change is that of its mean over all steps, as a share of the plain
mean: `fast` is the mode's, `draws` what a training changes by itself.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import torch

from enco.data.demo import make_archive
from enco.data.unpaired import UnpairedImages
from enco.files import atomic_path
from enco.methods import Batch, Method, available, create, get
from enco.schedule import Schedule
from enco.speed import Mode, Speed
from enco.stepper import Stepper

COLUMNS = ("method", "term", "steps", "plain", "fast", "fast_change", "draws_change")
Means = dict[str, float]


def trained(method: Method, images: UnpairedImages, mode: Mode, steps: int, draws: int) -> Means:
    """Mean of each loss term over a training's first steps; networks are those of seed 0, draws those of `draws`."""
    per_step = method.images_per_step
    method.prepare(images.loader(0, 4, per_step))
    stepper = Stepper(method, Speed(mode=mode))
    torch.manual_seed(draws)
    stepper.begin_epoch(1)
    values: dict[str, list[float]] = defaultdict(list)
    for batch in images.loader(0, steps, per_step):
        for term, value in stepper(Batch(source=batch["source"], target=batch["target"])).items():
            values[term].append(float(value))
    return {term: fmean(column) for term, column in values.items()}


def compare(name: str, root: Path, size: int, width: int, steps: int) -> Iterator[dict[str, object]]:
    """A row for each loss term of one method."""
    options = get(name).Options.stand_ins(size) | {"ngf": width, "ndf": width, "crop_size": size, "load_size": size}

    def run(mode: Mode, draws: int) -> Means:
        torch.manual_seed(0)
        method = create(name, schedule=Schedule(n_const=1000, n_decay=1), **options)
        images = UnpairedImages(root, "AtoB", method.options, n_const=1000, seed=0, cache_mb=64)
        return trained(method, images, mode, steps, draws)

    plain, fast, other = run("plain", 0), run("fast", 0), run("plain", 1)
    for term, mean in plain.items():
        yield {
            "method": name,
            "term": term,
            "steps": steps,
            "plain": f"{mean:.5g}",
            "fast": f"{fast[term]:.5g}",
            "fast_change": f"{abs(fast[term] - mean) / abs(mean):.4f}",
            "draws_change": f"{abs(other[term] - mean) / abs(mean):.4f}",
        }


def main() -> None:
    """Write a CSV file of all terms of all methods."""
    parser = argparse.ArgumentParser(prog="benchmarks/equivalence.py", description=__doc__)
    parser.add_argument("--methods", nargs="+", default=["all"], metavar="NAME")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--size", type=int, default=64, help="side of the images in pixels (default 64)")
    parser.add_argument("--width", type=int, default=8, help="ngf and ndf (default 8)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.csv")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    names = sorted(available()) if given.methods == ["all"] else given.methods
    with TemporaryDirectory() as folder, atomic_path(given.output) as path, path.open("w", newline="") as file:
        root = make_archive("horse2zebra", Path(folder), size=given.size)
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        for name in names:
            table.writerows(compare(name, root, given.size, given.width, given.steps))
            print(name, "done", flush=True)


if __name__ == "__main__":
    main()
