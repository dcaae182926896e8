"""Measure how sure the metrics of a translated folder are, and what it keeps: `python -m eval.uncertainty`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tabulate import tabulate

from enco.config.bounds import SEED, SEVERAL, SIDE
from enco.config.commands import show_example
from enco.config.flags import add_flags
from enco.data.reading import Reading, add_reading
from enco.errors import UserError, run_cli
from enco.io.files import check_writable
from eval.config import FeatureConfig
from eval.metrics.features import Features, load_features
from eval.uncertainty.records import Uncertainty, load_arrays, save_arrays

if TYPE_CHECKING:
    from eval.uncertainty.content import PerImage
    from eval.uncertainty.measure import FeatureSets


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write the record with its replicates and what images have in common, one by one."""
    args = _parser().parse_args(words)
    from eval.uncertainty.measure import measure  # loads torch, which takes seconds

    for path in filter(None, (args.out, args.replicates_out, args.content_out)):
        check_writable(path)
    generated = load_features(args.features)
    reals = {"paired": load_features(args.real_paired), "full": load_features(args.real_full)}
    pixels = _pixels(args, generated)
    about = (_features(args, generated) | pixels, args.k, args.replicates, args.seed, _beside(args.beside))
    measured = measure(args.task, generated, reals, *about)
    if args.content_out:
        save_arrays(pixels, args.content_out)
    save_arrays(measured.replicates, args.replicates_out)
    measured.record.write(args.out)
    print(_table(measured.record, generated.extractor.distance))


def _beside(files: Sequence[Path]) -> list[FeatureSets]:
    """Return the features of further extractors from files in threes: translations, paired and full real set."""
    from eval.uncertainty.measure import FeatureSets

    if len(files) % 3:
        raise UserError(
            f"--beside has {len(files)} files, and takes three for each extractor: features of the translations, of the"
            " paired and of the full real set."
        )
    loaded = [load_features(path) for path in files]
    return [
        FeatureSets(generated, {"paired": paired, "full": full})
        for generated, paired, full in zip(loaded[::3], loaded[1::3], loaded[2::3], strict=True)
    ]


def _features(args: argparse.Namespace, generated: Features) -> dict[str, PerImage]:
    """Return what the features of each image and its translation have in common."""
    from eval.uncertainty.content import feature_content

    return feature_content(load_features(args.source_features), generated) if args.source_features else {}


def _pixels(args: argparse.Namespace, generated: Features) -> dict[str, PerImage]:
    """Return what each translation shares with its source, and with the true image where there is one.

    The numbers are those of --content, or else measured. Raises UserError for a file of other images.
    """
    if args.content is None:
        return _measured_pixels(args)
    found = load_arrays(args.content)
    if any(len(values) != len(generated) for values in found.values()):
        raise UserError(
            f"{args.content} is of another number of images than {args.features}: leave out --content, and name the"
            " folders instead."
        )
    return found


def _measured_pixels(args: argparse.Namespace) -> dict[str, PerImage]:
    from eval.uncertainty.content import pixel_content

    found: dict[str, PerImage] = {}
    for folder, name in ((args.sources, "source"), (args.truths, "truth")):
        if folder and not args.images:
            raise UserError("Images are compared with their translations: give --images, too.")
        if folder:
            pixels = pixel_content(folder, args.images, args.size, Reading.of(args))
            found |= {f"{metric}_{name}": values for metric, values in pixels.items()}
    return found


def _table(record: Uncertainty, distance: str) -> str:
    lines = [
        (distance if name == "frechet_distance" else name, real_set, estimate.value, estimate.sampling_sd)
        for real_set, metrics in record.metrics.items()
        for name, estimate in metrics.items()
    ]
    return tabulate(lines, headers=("metric", "real set", "value", "sampling sd"), floatfmt=".4g", missingval="–")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eval.uncertainty", description=__doc__)
    words = (
        "--features zebras.npz --real-paired paired.npz --real-full full.npz --task horse2zebra --out "
        "sure.json --replicates-out sure.npz"
    )
    show_example(parser, words)
    files: Mapping[str, str] = {
        "--features": "features file of the translations",
        "--real-paired": "features file of the paired real set",
        "--real-full": "features file of the full real set",
        "--out": "record (JSON) to write",
        "--replicates-out": "replicates (.npz) to write",
    }
    for name, text in files.items():
        parser.add_argument(name, type=Path, required=True, metavar="PATH", help=text)
    text = "features files by further extractors, three for each: translations, paired and full real set"
    parser.add_argument("--beside", type=Path, nargs="*", default=[], metavar="PATH", help=text)
    optional = {
        "--source-features": "features file of the images that were translated",
        "--images": "folder of translations",
        "--sources": "folder of the images that were translated",
        "--truths": "folder of the true images, where pairs exist",
        "--content": "file of an earlier --content-out, read in place of the three folders",
        "--content-out": "file (.npz) to write: the PSNR and SSIM of every image",
    }
    group = parser.add_argument_group("content kept")
    for name, text in optional.items():
        group.add_argument(name, type=Path, metavar="PATH", help=text)
    group.add_argument("--size", type=SIDE, default=256, help="side of the translations in pixels (default 256)")
    parser.add_argument("--task", required=True, help="task of the images")
    add_flags(parser, FeatureConfig, "k")
    add_flags(parser, FeatureConfig, "replicates", type=SEVERAL)
    parser.add_argument("--seed", type=SEED, default=0, help="of the draws; one seed for all that is compared")
    add_reading(parser)
    return parser


if __name__ == "__main__":
    run_cli(main)
