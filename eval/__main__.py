"""Translate and measure image folders: `python -m eval <command>`; `python -m eval.timing` measures speed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from enco.data.reading import Reading
from enco.errors import UserError, run_cli
from eval.arguments import PREPARATION, parser
from eval.config import Preparation

if TYPE_CHECKING:
    import torch

    from eval.metrics.features import Features
    from eval.metrics.inception import Extractor

# A command imports what it needs when it is called: torchvision alone takes seconds.


def main(arguments: list[str] | None = None) -> int | None:
    """Run one command and give its exit status; UserError for anything that a user can mend."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["timing"]:
        timing(words[1:])
        return None
    given = parser().parse_args(words)
    _check_outputs(given)
    return COMMANDS[given.command](given)


def _check_outputs(given: argparse.Namespace) -> None:
    """Raise UserError for a file that could not be written after the work is done; `translate` makes a folder."""
    from enco.io.files import check_writable

    names = () if given.command == "translate" else ("out", "features_out", "paired_out", "report")
    for path in (getattr(given, name, None) for name in names):
        if path is not None:
            check_writable(path)


def timing(words: list[str]) -> None:
    """The same as `python -m eval.timing`."""
    from eval.timing.__main__ import main as measure

    measure(words)


def translate(given: argparse.Namespace) -> None:
    """Translate a folder."""
    _translate(given.images, given.out, given, given.size)


def evaluate(given: argparse.Namespace) -> None:
    """Translate a run's test images and score them, in one process: starting one takes longer than its work."""
    _translate(given.sources, given.images, given)
    scores(given)


def features(given: argparse.Namespace) -> None:
    """Extract the features of a folder, and of its paired real set if asked for."""
    if bool(given.paired_out) != bool(given.sources):
        raise UserError("The paired real set needs both --sources and --paired-out.")
    reading = Reading.of(given)
    reading.check(given.images)
    sources = reading.files(given.sources) if given.sources else []
    found = _extract(given.images, given, _extractor(given))
    found.save(given.out)
    _print({"images": len(found), "extractor": found.extractor, "written to": given.out})
    if given.paired_out:
        from eval.metrics.real_sets import real_set

        paired = found.select(real_set(sources, range(len(found)), "paired"))
        paired.save(given.paired_out)
        _print({"paired": len(paired), "written to": given.paired_out})


def fid(given: argparse.Namespace) -> None:
    """Print the FID of two sets."""
    from eval.metrics.features import check_comparable
    from eval.metrics.fid import fid

    a, b = _feature_sets([given.a, given.b], given)
    check_comparable(a, b)
    _print({"FID": f"{fid(a.features, b.features):.4f}", **_protocol_of(a, b)})


def pr(given: argparse.Namespace) -> None:
    """Print precision and recall of a generated against a real set."""
    from eval.metrics.features import check_comparable
    from eval.metrics.precision_recall import precision_recall

    real, generated = _feature_sets([given.real, given.generated], given)
    check_comparable(real, generated)
    found = precision_recall(real.features, generated.features, given.k)
    values = {"precision %": found.precision, "recall % (piq)": found.recall, "recall % (exact)": found.recall_exact}
    _print({**_rounded(values), "k": given.k, **_protocol_of(real, generated)})


def drn_train(given: argparse.Namespace) -> int | None:
    """Train a segmentation network; a training that is asked to stop ends with the status that says so."""
    from enco.io.weights import chosen_weights
    from enco.runtime.signals import GO_ON_LATER, Stopped, stop_signals
    from eval.segmentation.data import pairs
    from eval.segmentation.published import IMAGENET_URL
    from eval.segmentation.train import Recipe, train_segmenter

    names = ("width", "epochs", "batch_size", "lr", "step", "seed")
    recipe = Recipe(size=tuple(given.size), **{name: getattr(given, name) for name in names})
    reading, trunk = Reading.of(given), given.trunk
    pairs(given.images, given.labels, reading.recursive)  # before anything is fetched
    if trunk:
        trunk = chosen_weights(IMAGENET_URL, None if trunk == Path("imagenet") else trunk)
    try:
        with stop_signals() as stop:
            train_segmenter(given.images, given.labels, given.out, recipe, _device(given), trunk, stop, reading)
    except Stopped as stopped:
        print(stopped)
        return GO_ON_LATER
    print(f"written to {given.out}")
    return None


def weights(given: argparse.Namespace) -> None:
    """Find or fetch published weight files, and say which they are."""
    from enco.io.files import write_json
    from eval.weights import record

    if given.out and len(given.names) > 1:
        raise UserError("A record is of one file: give one name with --out.")
    for name in given.names:
        found = record(name, given.file)
        _print(found)
        if given.out:
            write_json(given.out, found)


def segmentation(given: argparse.Namespace) -> None:
    """Print, and write if asked for, the segmentation scores of a folder."""
    from enco.io.files import write_json

    result = _segmentation(given.images, given)
    overall = {name: value for name, value in result["metrics"].items() if name != "perClassIoU"}
    _print(_rounded(overall) | result["protocol"])
    print("\nIoU of each class, in percent")
    _print(_rounded(result["metrics"]["perClassIoU"]))
    if given.out:
        write_json(given.out, result)


def scores(given: argparse.Namespace) -> None:
    """Write the scores file of one run."""
    from enco.io.files import read_json, write_json
    from eval.metrics.features import load_features
    from eval.metrics.scores import SegmentationTest, read_run, score_run, translated_features

    if (given.labels is None) != (given.drn is None):
        raise UserError("Segmentation scores need both --labels and --drn.")
    if given.segmentation_real and given.drn is None:
        raise UserError("--segmentation-real is compared with segmentation scores: give --labels and --drn, too.")
    run = read_run(given.run_json)
    reals = {"paired": load_features(given.real_paired), "full": load_features(given.real_full)}
    reading = Reading.of(given)
    reading.files(given.images)  # before any weights are looked for
    generated = translated_features(given.images, reals, _extractor(given), given.batch_size, reading.recursive)
    generated.save(given.features_out or given.out.with_suffix(".npz"))
    tested = None
    if given.drn:
        real = read_json(given.segmentation_real) if given.segmentation_real else None
        tested = SegmentationTest(_segmentation(given.images, given), real)
    content = score_run(
        run,
        generated,
        reals,
        _device(given),
        k=given.k,
        task=given.task,
        selection=given.selection,
        segmentation=tested,
    )
    write_json(given.out, content)
    print(tabulate([{"real set": name, **content["metrics"][name]} for name in reals], headers="keys", floatfmt=".2f"))


def select(given: argparse.Namespace) -> None:
    """Choose the best generator of a run on the test set."""
    from eval.metrics.features import load_features
    from eval.select import CHOSEN_ON, Scored, choose, find_candidates, score_candidate, write_selection

    candidates, reading = find_candidates(given.run), Reading.of(given)
    reading.files(given.images)  # before any weights are looked for
    real, extractor = load_features(given.real_paired), _extractor(given)
    scored = []
    for candidate in candidates:
        found = score_candidate(
            candidate.path,
            given.images,
            real,
            extractor,
            direction=given.direction,
            batch_size=given.batch_size,
            reading=reading,
        )
        print(f"{candidate.path.name}: iteration {candidate.iteration}, FID {found:.2f}", flush=True)
        scored.append(Scored(candidate, found))
    chosen = choose(scored)
    write_selection(chosen, scored, real, given.out, given.report)
    print(f"{chosen.path.name} copied to {given.out}. {CHOSEN_ON}")


COMMANDS: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "translate": translate,
    "features": features,
    "fid": fid,
    "pr": pr,
    "drn-train": drn_train,
    "segmentation": segmentation,
    "scores": scores,
    "evaluate": evaluate,
    "select": select,
    "weights": weights,
}


def _translate(images: Path, out: Path, given: argparse.Namespace, size: int | None = None) -> None:
    from PIL import Image

    from enco.translation import translate_folder

    about = {"direction": given.direction, "size": size, "batch_size": given.batch_size}
    files = translate_folder(given.generator, images, out, _device(given), reading=Reading.of(given), **about)
    with Image.open(files[0]) as first:
        side = first.width
    print(f"{len(files)} images, at {side} x {side} pixels, translated into {out}")


def _segmentation(images: Path, given: argparse.Namespace) -> dict[str, Any]:
    from eval.segmentation.data import pairs
    from eval.segmentation.scores import score_folder
    from eval.segmentation.weights import load_segmenter

    reading = Reading.of(given)
    pairs(images, given.labels, reading.recursive)  # before the weights are looked for
    segmenter = load_segmenter(given.drn, _device(given), given.drn_network, given.drn_sha256)
    return score_folder(images, given.labels, segmenter, tuple(given.drn_size), given.batch_size, reading)


def _device(given: argparse.Namespace) -> torch.device:
    import torch

    from enco.runtime.memory import keep_memory
    from enco.training.arguments import choose_device

    keep_memory()
    if given.threads:
        torch.set_num_threads(given.threads)
    return choose_device(given.device)


def _extractor(given: argparse.Namespace) -> Extractor:
    from eval.metrics.inception import create_extractor

    return create_extractor(
        given.extractor,
        _device(given),
        seed=given.seed,
        input_size=given.input_size,
        weights=given.weights,
    )


def _extract(folder: Path, given: argparse.Namespace, extractor: Extractor) -> Features:
    from eval.metrics.inception import extract_features

    reading = Reading.of(given)
    preparation = Preparation(size=given.size, legacy_rounding=given.legacy_rounding, levels=reading.levels)
    return extract_features(reading.files(folder), extractor, preparation, batch_size=given.batch_size, root=folder)


def _feature_sets(paths: list[Path], given: argparse.Namespace) -> list[Features]:
    """Features from .npz files, or extracted from folders.

    Folders are looked through before the network is fetched and built, which is done only if there is one.
    """
    from eval.metrics.features import check_prepared, load_features

    loaded = {path: load_features(path) for path in paths if path.is_file() or path.suffix == ".npz"}
    folders = [path for path in paths if path not in loaded]
    for path, found in loaded.items():
        asked = {name: getattr(given, name) for name in PREPARATION}
        check_prepared(path, found, asked if folders else _changed(asked))
    for folder in folders:
        Reading.of(given).check(folder)
    extractor = _extractor(given) if folders else None
    return [_extract(path, given, extractor) if extractor and path in folders else loaded[path] for path in paths]


def _changed(asked: Mapping[str, object]) -> dict[str, object]:
    """Those of the options that are not at their defaults."""
    return {name: value for name, value in asked.items() if value != PREPARATION[name]}


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


if __name__ == "__main__":
    run_cli(main)
