"""The command line of `python -m eval`."""

from __future__ import annotations

import argparse
from pathlib import Path

from enco.config.bounds import BATCH_SIZE, COUNT, SEED, SIDE, SIDE_OR_OWN, THREADS, Real, Whole
from enco.data.reading import add_reading
from enco.runtime.devices import DEVICES, named_device
from eval.segmentation.published import NETWORKS

INCEPTION_SIDE = Whole(75, SIDE.most)
"""What Inception's layers leave a feature map of."""
PREPARATION = {
    "extractor": "inception",
    "seed": None,
    "input_size": None,
    "size": 0,
    "legacy_rounding": False,
    "levels": "16bit",
}
"""What decides features, at its default."""


def parser() -> argparse.ArgumentParser:
    """Every command with its arguments; imports nothing heavy, so that help and mistakes come at once."""
    top = argparse.ArgumentParser(
        prog="python -m eval",
        description="Translate and measure image folders. `python -m eval.timing` measures the speed of training.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    for name, (add_arguments, text) in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        add_arguments(command)
        if name != "weights":
            add_reading(command)
        _add_running(command)
    return top


def _translate(command: argparse.ArgumentParser) -> None:
    _path(command, "--generator", "generator.safetensors of a run")
    _path(command, "--images", "folder of images to translate")
    _path(command, "--out", "folder for the translations (PNG); appears whole")
    _add_direction(command)
    command.add_argument("--size", type=SIDE, help="side in pixels (default: the generator's own test size)")


def _features(command: argparse.ArgumentParser) -> None:
    _path(command, "--images", "folder of images")
    _path(command, "--out", "features file (.npz) to write")
    _add_extractor(command)
    _add_preparation(command)
    _path(command, "--sources", "with --paired-out: test images of the source domain", required=False)
    _path(command, "--paired-out", "also write the real set that a results folder for --sources has", required=False)


def _fid(command: argparse.ArgumentParser) -> None:
    command.add_argument("a", type=Path, help="folder or features file (.npz)")
    command.add_argument("b", type=Path, help="folder or features file (.npz)")
    _add_extractor(command)
    _add_preparation(command)


def _pr(command: argparse.ArgumentParser) -> None:
    command.add_argument("real", type=Path, help="folder or features file (.npz) of real images")
    command.add_argument("generated", type=Path, help="folder or features file (.npz) of generated images")
    _add_k(command)
    _add_extractor(command)
    _add_preparation(command)


def _drn_train(command: argparse.ArgumentParser) -> None:
    _path(command, "--images", "folder of photos")
    _path(command, "--labels", "folder of label maps (8-bit PNG of trainIds, 255 = ignored) of the same stems")
    _path(command, "--out", "weights to write (.safetensors)")
    text = "ImageNet weights to start from: drn_d_22-4bd2f8ea.pth, or 'imagenet' to find or fetch that file"
    _path(command, "--trunk", text, required=False)
    command.add_argument("--width", type=Real(0, 16), default=1.0, help="scales all channels; 1 is DRN-D-22")
    command.add_argument("--size", type=SIDE, nargs=2, default=(256, 128), metavar=("W", "H"), help="in pixels")
    command.add_argument("--epochs", type=COUNT, default=250)
    command.add_argument("--lr", type=Real(0, 100), default=0.01)
    command.add_argument("--step", type=COUNT, default=100, help="epochs after which the rate is divided by 10")
    command.add_argument("--seed", type=SEED, default=0)
    command.set_defaults(batch_size=32)


def _segmentation(command: argparse.ArgumentParser) -> None:
    _path(command, "--images", "folder of photos, real or translated")
    _add_segmentation(command, required=True)
    _path(command, "--out", "scores (JSON) to write", required=False)


def _scores(command: argparse.ArgumentParser) -> None:
    _path(command, "--images", "translated folder")
    _path(command, "--run-json", "run.json of the training")
    _path(command, "--real-paired", "features file of the paired real set")
    _path(command, "--real-full", "features file of the full real set")
    _path(command, "--out", "scores file (JSON) to write")
    _path(command, "--features-out", "features of the translations (default: --out with .npz)", required=False)
    command.add_argument("--task", help="name of the task (default: the run's)")
    command.add_argument("--selection", choices=("final", "best"), default="final", help="which generator translated")
    _add_k(command)
    _add_extractor(command)
    _add_segmentation(command, required=False)
    _path(command, "--segmentation-real", "what `segmentation --out` wrote for the real photos", required=False)


def _evaluate(command: argparse.ArgumentParser) -> None:
    _path(command, "--generator", "generator.safetensors of a run")
    _path(command, "--sources", "folder of test images to translate")
    _add_direction(command)
    _scores(command)


def _select(command: argparse.ArgumentParser) -> None:
    _path(command, "--run", "run folder: generator.safetensors and snapshots/")
    _path(command, "--images", "folder of test images of the source domain")
    _path(command, "--real-paired", "features file of the paired real set")
    _path(command, "--out", "generator file to write: a copy of the one with the lowest FID")
    _path(command, "--report", "FID of every candidate (JSON) to write")
    _add_direction(command)
    _add_extractor(command)


def _weights(command: argparse.ArgumentParser) -> None:
    text = "inception (FID), vgg16 (FSeSim), drn-imagenet (start of `drn-train`), negcut or fyu (mAP)"
    command.add_argument("names", nargs="+", metavar="name", help=text)
    _path(command, "--file", "where negcut or fyu was put (default: weights/)", required=False)
    _path(command, "--out", "record of the file (JSON) to write", required=False)


def _path(command: argparse.ArgumentParser, name: str, text: str, required: bool = True) -> None:
    command.add_argument(name, type=Path, required=required, metavar="PATH", help=text)


def _add_direction(command: argparse.ArgumentParser) -> None:
    command.add_argument("--direction", choices=("forward", "backward"), default="forward")


def _add_running(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", type=named_device, choices=DEVICES, default="auto")
    command.add_argument("--threads", type=THREADS, help="CPU threads of torch")
    command.add_argument("--batch-size", type=BATCH_SIZE, default=command.get_default("batch_size") or 8)


def _add_extractor(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("feature extractor")
    group.add_argument("--extractor", choices=("inception", "random-inception"), default="inception")
    text = "Inception weights (default: torch's cache, fetched to there if they are missing)"
    group.add_argument("--weights", type=Path, metavar="PATH", help=text)
    group.add_argument("--seed", type=SEED, help="of the weights of random-inception (default 0)")
    text = "side that random-inception sees, in pixels (default 299)"
    group.add_argument("--input-size", type=INCEPTION_SIDE, help=text)


def _add_preparation(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--size", type=SIDE_OR_OWN, default=0, help="resize images to this side first (default: do not)"
    )
    text = "lose a fraction of a grey level, as images do when the original test scripts save them"
    command.add_argument("--legacy-rounding", action="store_true", help=text)


def _add_segmentation(command: argparse.ArgumentParser, required: bool) -> None:
    _path(command, "--labels", "folder of label maps of the same stems", required)
    _path(command, "--drn", "segmentation network: drn_d_22.pth.tar, or a file of `drn-train`", required)
    command.add_argument("--drn-network", choices=NETWORKS, default="own", help="whose network it is (default own)")
    command.add_argument("--drn-sha256", metavar="HEX", help="SHA-256, or its start, that the network's file must have")
    command.add_argument("--drn-size", type=SIDE, nargs=2, default=(256, 128), metavar=("W", "H"), help="in pixels")


def _add_k(command: argparse.ArgumentParser) -> None:
    command.add_argument("-k", type=COUNT, default=5, help="neighbours of precision and recall (default 5)")


_COMMANDS = {
    "translate": (_translate, "translate a folder with a generator file"),
    "features": (_features, "extract Inception features of a folder"),
    "fid": (_fid, "FID of two folders or features files"),
    "pr": (_pr, "improved precision and recall of two folders or features files"),
    "drn-train": (_drn_train, "train a segmentation network on photos and label maps"),
    "segmentation": (_segmentation, "segmentation scores of a folder against label maps"),
    "scores": (_scores, "all scores of one run"),
    "evaluate": (_evaluate, "translate a run's test images and score them"),
    "select": (_select, "choose a run's best generator by its FID on the test set"),
    "weights": (_weights, "find or fetch a published weight file in torch's cache"),
}
