"""Make a task from photographs: photo -> painting, the paintings made from other photographs than the photos.

    apt-get install mate-backgrounds
    python examples/photos.py /usr/share/backgrounds/mate/nature --out data/photos \\
        --source "Debian package mate-backgrounds" --notice /usr/share/doc/mate-backgrounds/copyright
"""

from __future__ import annotations

import argparse
from pathlib import Path

from numpy.random import Generator, default_rng
from PIL import Image

from enco.config.bounds import COUNT, SEED, SIDE
from enco.data.folders import list_images, load_rgb
from enco.data.manifest import write_manifest
from enco.datasets.demo.paint import paint
from enco.datasets.new_folder import new_folder
from enco.errors import UserError, run_cli

CROPS_ACROSS = (1.3, 2.4)
"""How many crops the shorter side of a photograph holds, at least and at most."""
BRUSHES = (0.05, 0.025, 0.012)
"""Radii of the painter's brushes as shares of a crop's width."""
TRAIN_SHARE = 0.6
"""Share of a photograph's width, from the left, that training crops are cut from; the rest is for test crops."""


def main() -> None:
    """Parse the command line and make the data folder."""
    args = _parser().parse_args()
    make_task(args.photos, args.out, args.size, args.train, args.test, args.seed, args.source, args.notice)
    print(f"{args.out}: {args.train} training and {args.test} test crops of {args.size} pixels in each domain")


def make_task(
    photos: Path, out: Path, size: int, train: int, test: int, seed: int, source: str, notice: Path | None
) -> None:
    """Write trainA/testA (photo crops), trainB/testB (painted crops of the other photographs) and ATTRIBUTION.txt.

    Every photograph serves one domain only, and its test crops do not overlap its training crops. Equal arguments give
    equal files. Raises UserError for fewer than two photographs.
    """
    files = list_images(photos)
    if len(files) < 2:
        raise UserError(f"{photos} holds {len(files)} photograph: at least two are needed, one for each domain.")
    order = default_rng([seed, 0]).permutation(len(files))
    halves = {"A": order[: len(files) // 2], "B": order[len(files) // 2 :]}
    with new_folder(out) as folder:
        for domain, half in halves.items():
            chosen = sorted(files[i] for i in half)
            rng = default_rng([seed, 1 + "AB".index(domain)])
            write_domain(folder, domain, chosen, size, {"train": train, "test": test}, rng)
        used = {domain: sorted(files[i].name for i in half) for domain, half in halves.items()}
        (folder / "ATTRIBUTION.txt").write_text(attribution(used, source, notice), encoding="utf-8")
        write_manifest(folder, {"photographs": source, "seed": seed})


def write_domain(
    folder: Path, domain: str, files: list[Path], size: int, counts: dict[str, int], rng: Generator
) -> None:
    """Cut the crops of one domain, spread evenly over the domain's photographs; crops of domain B are painted.

    Crops are made at twice the size and reduced, which smooths the strokes' edges.
    """
    for split in counts:
        (folder / f"{split}{domain}").mkdir()
    for position, file in enumerate(files):
        photo = load_rgb(file)
        for split, count in counts.items():
            for number in range(position, count, len(files)):
                picture = crop(photo, 2 * size, split, rng)
                picture = (
                    paint(picture, rng, [radius * picture.width for radius in BRUSHES]) if domain == "B" else picture
                )
                picture.reduce(2).save(folder / f"{split}{domain}" / f"{file.stem}_{number:03d}.png")


def crop(photo: Image.Image, size: int, split: str, rng: Generator) -> Image.Image:
    """Cut a window of random place and scale, as size x size pixels, from the left (train) or right (test) part."""
    border = int(photo.width * TRAIN_SHARE)
    side = min(int(min(photo.size) / rng.uniform(*CROPS_ACROSS)), photo.width - border)
    low, high = (0, border - side) if split == "train" else (border, photo.width - side)
    left, top = int(rng.integers(low, high + 1)), int(rng.integers(photo.height - side + 1))
    return photo.resize((size, size), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))


def attribution(used: dict[str, list[str]], source: str, notice: Path | None) -> str:
    """Write the text of ATTRIBUTION.txt: the photographs, their source, their changes, and the copyright notice."""
    lines = [f"Source: {source}.", "", "Crops of photographs (trainA, testA): " + ", ".join(used["A"])]
    lines += ["Crops changed by a painterly filter (trainB, testB): " + ", ".join(used["B"]), ""]
    if notice is not None:
        names = [name for half in used.values() for name in half]
        lines += [
            f"Copyright and licence, from {notice.name} of the source:",
            "",
            *relevant(notice.read_text(encoding="utf-8"), names),
        ]
    return "\n".join(lines) + "\n"


def relevant(notice: str, names: list[str]) -> list[str]:
    """Return the paragraphs of a Debian copyright file that name one of the files, then the licences of those."""
    paragraphs = [paragraph.strip() for paragraph in notice.split("\n\n")]
    about = [p for p in paragraphs if p.startswith("Files:") and any(name in p for name in names)]
    licences = {line for p in about for line in p.splitlines() if line.startswith("License:")}
    texts = [p for p in paragraphs if p.splitlines()[:1] and p.splitlines()[0] in licences]
    return [line for paragraph in about + texts for line in (*paragraph.splitlines(), "")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="folder of photographs")
    parser.add_argument("--out", type=Path, required=True, help="data folder to make")
    parser.add_argument("--size", type=SIDE, default=128, help="side of the crops in pixels (default 128)")
    parser.add_argument("--train", type=COUNT, default=80, help="training crops of each domain (default 80)")
    parser.add_argument("--test", type=COUNT, default=20, help="test crops of each domain (default 20)")
    parser.add_argument("--seed", type=SEED, default=0)
    parser.add_argument("--source", required=True, help="where the photographs come from, for ATTRIBUTION.txt")
    parser.add_argument("--notice", type=Path, help="Debian copyright file to quote in ATTRIBUTION.txt")
    return parser


if __name__ == "__main__":
    run_cli(main)
