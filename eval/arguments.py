"""The arguments of each command of `python -m eval`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from enco.config.bounds import BATCH_SIZE, SEED, SIDE
from enco.config.commands import add_backward, show_example
from enco.config.flags import add_flags
from enco.data.reading import add_reading
from enco.runtime.devices import add_device, use_device
from eval.config import DrnConfig, DrnRecipe, FeatureConfig, Preparation

if TYPE_CHECKING:
    from eval.metrics.extractor import Extractor

EXTRACTION = {"extractor": FeatureConfig().extractor, "seed": None, "input_size": None, **Preparation().model_dump()}
"""What decides features, at its default."""


def translate(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `translate`."""
    show_example(command, "--generator RUN/generator.safetensors --images data/horse2zebra/testA --out zebras")
    _path(command, "--generator", "generator.safetensors of a run")
    _path(command, "--images", "folder of images to translate")
    _path(command, "--out", "folder for the translations (PNG); appears whole")
    add_backward(command)
    command.add_argument("--size", type=SIDE, help="side in pixels (default: the generator's own test size)")
    add_common(command)


def features(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `features`."""
    show_example(command, "--images data/horse2zebra/testB --out real.npz")
    _path(command, "--images", "folder of images")
    _path(command, "--out", "features file (.npz) to write")
    add_extractor(command)
    add_preparation(command)
    _path(command, "--sources", "with --paired-out: test images of the source domain", required=False)
    _path(command, "--paired-out", "also write the real set that a results folder for --sources has", required=False)
    add_common(command)


def fid(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `fid`."""
    show_example(command, "data/horse2zebra/testB zebras")
    command.add_argument("a", type=Path, help="folder or features file (.npz)")
    command.add_argument("b", type=Path, help="folder or features file (.npz)")
    add_extractor(command)
    add_preparation(command)
    add_common(command)


def pr(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `pr`."""
    show_example(command, "real.npz zebras")
    command.add_argument("real", type=Path, help="folder or features file (.npz) of real images")
    command.add_argument("generated", type=Path, help="folder or features file (.npz) of generated images")
    add_flags(command, FeatureConfig, "k")
    add_extractor(command)
    add_preparation(command)
    add_common(command)


def drn_train(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `drn-train`."""
    words = "--images data/cityscapes/trainA --labels data/cityscapes/trainA_labels --out drn.safetensors"
    show_example(command, words)
    _path(command, "--images", "folder of photos")
    _path(command, "--labels", "folder of label maps (8-bit PNG of trainIds, 255 = ignored) of the same stems")
    _path(command, "--out", "weights to write (.safetensors)")
    text = "ImageNet weights to start from: drn_d_22-4bd2f8ea.pth, or 'imagenet' to find or fetch that file"
    _path(command, "--trunk", text, required=False)
    add_flags(command, DrnRecipe, "width", "epochs", "batch_size", "lr", "step")
    add_flags(command, DrnRecipe, "size", metavar=("W", "H"))
    command.add_argument("--seed", type=SEED, default=0)
    add_reading(command)
    add_device(command)


def segmentation(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `segmentation`."""
    show_example(command, "--images photos --labels data/cityscapes/testA_labels --drn drn.safetensors")
    _path(command, "--images", "folder of photos, real or translated")
    add_segmentation(command, required=True)
    _path(command, "--out", "scores (JSON) to write", required=False)
    add_common(command)


def scores(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `scores`."""
    words = "--run-json RUN/run.json --images zebras --real-paired paired.npz --real-full full.npz --out s.json"
    show_example(command, words)
    _path(command, "--run-json", "run.json of the training")
    command.add_argument("--task", help="name of the task (default: the run's)")
    command.add_argument("--selection", choices=("final", "best"), default="final", help="which generator translated")
    _add_scoring(command, "translated folder")


def reference(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `reference`."""
    words = (
        "--sources data/horse2zebra/testA --size 256 --task horse2zebra --scale mine --images inputs "
        "--real-paired paired.npz --real-full full.npz --out s.json"
    )
    show_example(command, words)
    _path(command, "--sources", "folder of test images of the source domain")
    command.add_argument("--size", type=SIDE, required=True, help="side that the images are resized to, in pixels")
    _add_place(command)
    _add_scoring(command, "folder for the resized images (PNG); appears whole")


def imported(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `imported`."""
    words = (
        "--generator cut.safetensors --sources data/horse2zebra/testA --task horse2zebra --scale mine "
        "--images zebras --real-paired paired.npz --real-full full.npz --out s.json"
    )
    show_example(command, words)
    _path(command, "--generator", "generator file that `python -m enco.methods import` wrote")
    _path(command, "--sources", "folder of test images to translate")
    add_backward(command)
    _add_place(command)
    _add_scoring(command, "folder for the translations (PNG); appears whole")


def _add_place(command: argparse.ArgumentParser) -> None:
    """Add what a run would say of itself: task and scale."""
    command.add_argument("--task", required=True, help="name of the task")
    command.add_argument("--scale", required=True, help="name of the scale")


def _add_scoring(command: argparse.ArgumentParser, images: str) -> None:
    """Add what scores of a folder of images need; `images` says what the folder is."""
    _path(command, "--images", images)
    _path(command, "--real-paired", "features file of the paired real set")
    _path(command, "--real-full", "features file of the full real set")
    _path(command, "--out", "scores file (JSON) to write")
    _path(command, "--features-out", "features of the images (default: --out with .npz)", required=False)
    add_flags(command, FeatureConfig, "k")
    add_extractor(command)
    add_segmentation(command, required=False)
    _path(command, "--segmentation-real", "what `segmentation --out` wrote for the real photos", required=False)
    add_common(command)


def evaluate(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `evaluate`."""
    _path(command, "--generator", "generator.safetensors of a run")
    _path(command, "--sources", "folder of test images to translate")
    add_backward(command)
    scores(command)
    words = (
        "--generator RUN/generator.safetensors --run-json RUN/run.json --sources data/horse2zebra/testA "
        "--images zebras --real-paired paired.npz --real-full full.npz --out s.json"
    )
    show_example(command, words)


def select(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `select`."""
    words = (
        "--run RUN --images data/horse2zebra/testA --real-paired paired.npz --source-features inputs.npz "
        "--out best.safetensors --report best.json"
    )
    show_example(command, words)
    _path(command, "--run", "run folder: generator.safetensors and snapshots/")
    _path(command, "--images", "folder of test images of the source domain")
    _path(command, "--real-paired", "features file of the paired real set")
    _path(command, "--source-features", "features file of these images, untranslated")
    _path(command, "--out", "generator file to write: a copy of the one with the lowest Fréchet distance")
    _path(command, "--report", "Fréchet distance, KID and content of every candidate (JSON) to write")
    add_backward(command)
    add_extractor(command)
    add_common(command)


def weights(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `weights`."""
    show_example(command, "inception vgg16")
    text = "inception (FID), dinov2, vgg16 (FSeSim), drn-imagenet (start of `drn-train`), negcut or fyu (mAP)"
    command.add_argument("names", nargs="+", metavar="name", help=text)
    _path(command, "--file", "where negcut or fyu was put (default: weights/)", required=False)
    _path(command, "--out", "record of the file (JSON) to write", required=False)
    _add_running(command)


def _path(command: argparse.ArgumentParser, name: str, text: str, required: bool = True) -> None:
    command.add_argument(name, type=Path, required=required, metavar="PATH", help=text)


def add_common(command: argparse.ArgumentParser) -> None:
    """Add how folders are read, and where and in which batches a command computes."""
    add_reading(command)
    _add_running(command)


def _add_running(command: argparse.ArgumentParser) -> None:
    add_device(command)
    command.add_argument("--batch-size", type=BATCH_SIZE, default=8, help="images at a time (default 8)")


def add_extractor(command: argparse.ArgumentParser) -> None:
    """Add the choice of the feature extractor."""
    group = command.add_argument_group("feature extractor")
    add_flags(group, FeatureConfig, "extractor", "input_size")
    text = "weights of inception or dinov2 (default: torch's cache, fetched to there if they are missing)"
    group.add_argument("--weights", type=Path, metavar="PATH", help=text)
    group.add_argument("--seed", type=SEED, help="of the weights of random-inception (default 0)")


def extractor_of(args: argparse.Namespace) -> Extractor:
    """Build the extractor that the arguments of `add_extractor` and `add_common` name; UserError as there."""
    from eval.metrics.create import create_extractor

    about = {"seed": args.seed, "input_size": args.input_size, "weights": args.weights}
    return create_extractor(args.extractor, use_device(args), **about)


def add_preparation(command: argparse.ArgumentParser) -> None:
    """Add the preparation of images before the extractor."""
    add_flags(command, Preparation, "size", "filter", "legacy_rounding")


def add_segmentation(command: argparse.ArgumentParser, required: bool) -> None:
    """Add label maps, and the segmentation network with how photos are shown to it."""
    _path(command, "--labels", "folder of label maps of the same stems", required)
    _path(command, "--drn", "segmentation network: drn_d_22.pth.tar, or a file of `drn-train`", required)
    add_flags(command, DrnConfig, "network", prefix="drn")
    add_flags(command, DrnConfig, "sha256", prefix="drn", metavar="HEX")
    add_flags(command, DrnConfig, "size", prefix="drn", metavar=("W", "H"))
