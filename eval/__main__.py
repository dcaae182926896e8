"""Translate and measure image folders: `python -m eval <command>`; `python -m eval.timing` measures speed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tabulate import tabulate

from enco.config.commands import Command, command_parser
from enco.config.flags import from_flags
from enco.data.reading import Reading
from enco.errors import UserError, run_cli
from enco.runtime.devices import use_device
from eval import arguments
from eval.arguments import EXTRACTION, extractor_of
from eval.config import DrnRecipe, Preparation

if TYPE_CHECKING:
    from torch import Tensor

    from eval.metrics.extractor import Extractor
    from eval.metrics.features import Features
    from eval.metrics.scores import SegmentationTest
    from eval.records import SegmentationScores, SetScores

# A command imports what it needs when it is called: torchvision alone takes seconds.


def main(words: list[str] | None = None) -> int | None:
    """Run the command that the words, by default the command line's, name, and return its exit status."""
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["timing"]:
        from eval.timing.__main__ import main as measure

        measure(words[1:])
        return None
    if words[:1] == ["sensitivity"]:
        from eval.sensitivity.__main__ import main as try_choices

        try_choices(words[1:])
        return None
    args = parser().parse_args(words)
    _check_outputs(args)
    return COMMANDS[args.command].run(args)


def _check_outputs(args: argparse.Namespace) -> None:
    """Raise UserError for a file that could not be written after the work is done; `translate` makes a folder."""
    from enco.io.files import check_writable

    names = () if args.command == "translate" else ("out", "features_out", "paired_out", "report")
    for path in (getattr(args, name, None) for name in names):
        if path is not None:
            check_writable(path)


def translate(args: argparse.Namespace) -> None:
    """Translate a folder."""
    _translate(args.images, args.out, args, args.size)


def evaluate(args: argparse.Namespace) -> None:
    """Translate a run's test images and score them, in one process: starting one takes longer than its work."""
    _translate(args.sources, args.images, args)
    scores(args)


def features(args: argparse.Namespace) -> None:
    """Extract the features of a folder, and with --paired-out those of the paired real set."""
    if bool(args.paired_out) != bool(args.sources):
        raise UserError("The paired real set needs both --sources and --paired-out.")
    reading = Reading.of(args)
    reading.check(args.images)
    sources = reading.files(args.sources) if args.sources else []
    found = _extract(args.images, args, extractor_of(args))
    found.save(args.out)
    _print({"images": len(found), "extractor": found.extractor, "written to": args.out})
    if args.paired_out:
        from eval.metrics.real_sets import real_set

        paired = found.select(real_set(sources, range(len(found)), "paired"))
        paired.save(args.paired_out)
        _print({"paired": len(paired), "written to": args.paired_out})


def fid(args: argparse.Namespace) -> None:
    """Print the Fréchet distance of two sets: FID, unless the features are of another extractor."""
    from eval.metrics.features import check_comparable
    from eval.metrics.fid import fid

    a, b = _feature_sets([args.a, args.b], args)
    check_comparable(a, b)
    _print({a.extractor.distance: f"{fid(a.features, b.features):.4f}", **_protocol_of(a, b)})


def pr(args: argparse.Namespace) -> None:
    """Print precision and recall of a generated against a real set."""
    from eval.metrics.features import check_comparable
    from eval.metrics.precision_recall import precision_recall

    real, generated = _feature_sets([args.real, args.generated], args)
    check_comparable(real, generated)
    found = precision_recall(real.features, generated.features, args.k)
    values = {"precision %": found.precision, "recall % (piq)": found.recall, "recall % (exact)": found.recall_exact}
    _print({**_rounded(values), "k": args.k, **_protocol_of(real, generated)})


def drn_train(args: argparse.Namespace) -> int | None:
    """Train a segmentation network, and return the status that says whether the training was asked to stop."""
    from enco.io.weights import chosen_weights
    from enco.runtime.signals import GO_ON_LATER, Stopped, stop_signals
    from eval.segmentation.data import pairs
    from eval.segmentation.releases import IMAGENET_URL
    from eval.segmentation.train import train_segmenter

    reading, trunk = Reading.of(args), args.trunk
    pairs(args.images, args.labels, reading.recursive)  # before anything is fetched
    if trunk:
        trunk = chosen_weights(IMAGENET_URL, None if trunk == Path("imagenet") else trunk)
    try:
        with stop_signals() as stop:
            train_segmenter(
                args.images,
                args.labels,
                args.out,
                from_flags(args, DrnRecipe),
                use_device(args),
                seed=args.seed,
                trunk=trunk,
                stop=stop,
                reading=reading,
            )
    except Stopped as stopped:
        print(stopped)
        return GO_ON_LATER
    print(f"written to {args.out}")
    return None


def weights(args: argparse.Namespace) -> None:
    """Find or fetch published weight files, and print name, path, size and SHA-256 of each."""
    from enco.io.files import write_json
    from eval.weights import record

    if args.out and len(args.names) > 1:
        raise UserError("A record is of one file: give one name with --out.")
    for name in args.names:
        found = record(name, args.file)
        _print(found)
        if args.out:
            write_json(args.out, found)


def segmentation(args: argparse.Namespace) -> None:
    """Print the segmentation scores of a folder, and write them to --out."""
    _, result = _segmentation(args.images, args)
    _print(_rounded(result.metrics.model_dump(exclude={"perClassIoU"})) | result.protocol.model_dump())
    print("\nIoU of each class, in percent")
    _print(_rounded(result.metrics.perClassIoU))
    if args.out:
        result.write(args.out)


def reference(args: argparse.Namespace) -> None:
    """Write the scores file of test images that nothing has translated: what a translation has to beat."""
    from enco.translation import copy_folder
    from eval.metrics.scores import score_images

    files = copy_folder(args.sources, args.images, args.size, batch_size=args.batch_size, reading=Reading.of(args))
    print(f"{len(files)} images, at {args.size} x {args.size} pixels, copied into {args.images}")
    images, reals, tested = _measure(args)
    found = score_images(args.task, args.scale, images, reals, use_device(args), args.k, tested, _test_hashes(args))
    found.write(args.out)
    _print_scores(found)


def imported(args: argparse.Namespace) -> None:
    """Translate test images with a generator that others trained, and write the scores file."""
    from eval.metrics.scores import read_import, score_images
    from eval.records import ImportedScores

    origin = read_import(args.generator)
    _translate(args.sources, args.images, args)
    images, reals, tested = _measure(args)
    measured = score_images(args.task, args.scale, images, reals, use_device(args), args.k, tested, _test_hashes(args))
    found = ImportedScores(**dict(measured), imported=origin)
    found.write(args.out)
    _print_scores(found)


def scores(args: argparse.Namespace) -> None:
    """Write the scores file of one run."""
    from eval.metrics.scores import read_run, score_run

    run = read_run(args.run_json)
    generated, reals, tested = _measure(args)
    found = score_run(
        run,
        generated,
        reals,
        use_device(args),
        k=args.k,
        task=args.task,
        selection=args.selection,
        segmentation=tested,
        hashes=_test_hashes(args),
    )
    found.write(args.out)
    _print_scores(found)


def _measure(args: argparse.Namespace) -> tuple[Features, dict[str, Features], SegmentationTest | None]:
    """Return the features of a folder, which are saved, those of the real sets, and any segmentation scores."""
    from eval.metrics.features import load_features
    from eval.metrics.scores import SegmentationTest, translated_features
    from eval.records import read_segmentation

    if (args.labels is None) != (args.drn is None):
        raise UserError("Segmentation scores need both --labels and --drn.")
    if args.segmentation_real and args.drn is None:
        raise UserError("--segmentation-real is compared with segmentation scores: give --labels and --drn, too.")
    reals = {"paired": load_features(args.real_paired), "full": load_features(args.real_full)}
    reading = Reading.of(args)
    reading.files(args.images)  # before any weights are looked for
    generated = translated_features(args.images, reals, extractor_of(args), args.batch_size, reading.recursive)
    tested = None
    if args.drn is not None:
        real = read_segmentation(args.segmentation_real) if args.segmentation_real else None
        matrices, found = _segmentation(args.images, args)
        generated, tested = replace(generated, confusion=matrices.numpy()), SegmentationTest(found, real)
    generated.save(args.features_out or args.out.with_suffix(".npz"))
    return generated, reals, tested


def _test_hashes(args: argparse.Namespace) -> dict[str, str]:
    """Hash the images that are translated, which `scores` alone does not know, and any label maps."""
    from enco.data.manifest import hash_set

    folders = {"sources": getattr(args, "sources", None), "labels": args.labels}
    return {name: hash_set(folder, Reading.of(args).recursive) for name, folder in folders.items() if folder}


def select(args: argparse.Namespace) -> None:
    """Choose the best generator of a run on the test set."""
    from eval.metrics.features import load_features
    from eval.select import Comparison, Scored, choose, chosen_on, find_candidates, score_candidate, write_selection

    candidates, reading = find_candidates(args.run), Reading.of(args)
    reading.files(args.images)  # before any weights are looked for
    compared = Comparison(load_features(args.source_features), load_features(args.real_paired))
    name, extractor = compared.real.extractor.distance, extractor_of(args)
    scored = []
    for candidate in candidates:
        found = score_candidate(
            candidate.path,
            args.images,
            compared,
            extractor,
            direction=args.direction,
            batch_size=args.batch_size,
            reading=reading,
        )
        metrics = f"{name} {found.frechet_distance:.2f}, KID {found.kid:.4g}, content cosine {found.content_cosine:.3f}"
        print(f"{candidate.path.name}: iteration {candidate.iteration}, {metrics}", flush=True)
        scored.append(Scored(candidate, found))
    chosen = choose(scored)
    write_selection(chosen, scored, compared, args.out, args.report)
    print(f"{chosen.path.name} copied to {args.out}. {chosen_on(name)}")


def _print_scores(found: SetScores) -> None:
    """Print the metrics against both real sets."""
    heads = {"frechet_distance": found.protocol.distance}
    values = {name: getattr(found.metrics, name).model_dump(exclude={"missing"}) for name in found.protocol.n_real}
    lines = [{"real set": name, **{heads.get(key, key): one[key] for key in one}} for name, one in values.items()]
    print(tabulate(lines, headers="keys", floatfmt=".2f", missingval="–"))


def _translate(images: Path, out: Path, args: argparse.Namespace, size: int | None = None) -> None:
    from PIL import Image

    from enco.translation import translate_folder

    about = {"direction": args.direction, "size": size, "batch_size": args.batch_size}
    files = translate_folder(args.generator, images, out, use_device(args), reading=Reading.of(args), **about)
    with Image.open(files[0]) as first:
        side = first.width
    print(f"{len(files)} images, at {side} x {side} pixels, translated into {out}")


def _segmentation(images: Path, args: argparse.Namespace) -> tuple[Tensor, SegmentationScores]:
    """Return the confusion matrix of each image, and the scores of all."""
    from eval.segmentation.data import pairs
    from eval.segmentation.scores import confusion_matrices, score_matrices
    from eval.segmentation.weights import load_segmenter

    reading = Reading.of(args)
    pairs(images, args.labels, reading.recursive)  # before the weights are looked for
    segmenter = load_segmenter(args.drn, use_device(args), args.drn_network, args.drn_sha256)
    size = tuple(args.drn_size)
    matrices = confusion_matrices(images, args.labels, segmenter, size, args.batch_size, reading)
    return matrices, score_matrices(matrices, segmenter, size)


def _extract(folder: Path, args: argparse.Namespace, extractor: Extractor) -> Features:
    from eval.metrics.extraction import extract_features

    reading = Reading.of(args)
    preparation = from_flags(args, Preparation)
    return extract_features(reading.files(folder), extractor, preparation, batch_size=args.batch_size, root=folder)


def _feature_sets(paths: list[Path], args: argparse.Namespace) -> list[Features]:
    """Load features from .npz files, or extract those of folders.

    Images of folders are decoded once before the extractor is built; without folders no extractor is built.
    """
    from eval.metrics.features import check_prepared, load_features

    loaded = {path: load_features(path) for path in paths if path.is_file() or path.suffix == ".npz"}
    folders = [path for path in paths if path not in loaded]
    for path, found in loaded.items():
        asked = {name: getattr(args, name) for name in EXTRACTION}
        check_prepared(path, found, asked if folders else _changed(asked))
    for folder in folders:
        Reading.of(args).check(folder)
    extractor = extractor_of(args) if folders else None
    return [_extract(path, args, extractor) if extractor and path in folders else loaded[path] for path in paths]


def _changed(asked: Mapping[str, object]) -> dict[str, object]:
    """Return the options that are not at their defaults."""
    return {name: value for name, value in asked.items() if value != EXTRACTION[name]}


def _protocol_of(a: Features, b: Features) -> dict[str, object]:
    return {
        "images": f"{len(a)} and {len(b)}",
        "resized to": " and ".join(f"{f.size} px" if f.size else "own size" for f in (a, b)),
        "legacy rounding": " and ".join("yes" if f.legacy_rounding else "no" for f in (a, b)),
        "extractor": a.extractor,
        "weights": f"sha256 {a.extractor_hash[:16]}",
    }


def _rounded(values: Mapping[str, float | None]) -> dict[str, object]:
    return {name: "-" if value is None else f"{value:.2f}" for name, value in values.items()}


def _print(values: Mapping[str, object]) -> None:
    print(tabulate(values.items(), tablefmt="plain", disable_numparse=True))


COMMANDS = {
    "translate": Command("translate a folder with a generator file", arguments.translate, translate),
    "features": Command("extract the features of a folder", arguments.features, features),
    "fid": Command("Fréchet distance (FID) of two folders or features files", arguments.fid, fid),
    "pr": Command("improved precision and recall of two folders or features files", arguments.pr, pr),
    "drn-train": Command("train a segmentation network on photos and label maps", arguments.drn_train, drn_train),
    "segmentation": Command("segmentation scores of a folder against label maps", arguments.segmentation, segmentation),
    "scores": Command("all scores of one run", arguments.scores, scores),
    "evaluate": Command("translate a run's test images and score them", arguments.evaluate, evaluate),
    "reference": Command("score a task's test images untranslated", arguments.reference, reference),
    "imported": Command(
        "translate test images with an imported generator and score them", arguments.imported, imported
    ),
    "select": Command("choose a run's best generator by its distance on the test set", arguments.select, select),
    "weights": Command("find or fetch a published weight file in torch's cache", arguments.weights, weights),
}


def parser() -> argparse.ArgumentParser:
    """Make the parser of every command; nothing heavy is imported, so that help and mistakes come at once."""
    description = "Translate and measure image folders. `python -m eval.timing` measures the speed of training."
    return command_parser("python -m eval", description, COMMANDS)


if __name__ == "__main__":
    run_cli(main)
