"""Score translations under other choices of the protocol: `python -m eval sensitivity <command>`."""

from __future__ import annotations

import argparse
from pathlib import Path

from tabulate import tabulate

from enco.config.base import parse
from enco.config.commands import Command, command_parser, show_example
from enco.config.flags import add_flags, from_flags
from enco.config.yaml import parse_yaml
from enco.data.reading import Reading
from enco.errors import run_cli
from eval.arguments import add_common, add_extractor, add_preparation, add_segmentation, extractor_of
from eval.config import FeatureConfig, Preparation
from eval.sensitivity.choices import Alternatives


def main(words: list[str] | None = None) -> None:
    """Run the command that the words, by default the command line's, name."""
    args = command_parser("python -m eval sensitivity", (__doc__ or "").strip(), COMMANDS).parse_args(words)
    COMMANDS[args.command].run(args)


def real(args: argparse.Namespace) -> None:
    """Write the features of real images under each alternative that touches these."""
    from eval.sensitivity.real import write_real

    files = Reading.of(args).check(args.images)
    own, asked = from_flags(args, Preparation), _alternatives(args)
    names = write_real(files, args.images, args.out, own, extractor_of(args), asked, args.batch_size)
    print(f"{len(files)} images under {len(names)} alternatives ({', '.join(names)}), written to {args.out}")


def measure(args: argparse.Namespace) -> None:
    """Write the scores of a folder of translations under each alternative."""
    from eval.metrics.features import load_features
    from eval.sensitivity.measure import Segmentation, Translations, measure
    from eval.sensitivity.record import Measured

    used = Segmentation(args.labels, args.drn, args.drn_network, args.drn_sha256, tuple(args.drn_size))
    images = Translations(
        folder=args.images,
        features=load_features(args.features),
        paired=load_features(args.real_paired),
        real=args.real_alternatives,
        k=args.k,
        extractor=extractor_of(args),
        segmentation=used if args.labels and args.drn else None,
        reading=Reading.of(args),
        batch_size=args.batch_size,
    )
    found = measure(images, _alternatives(args))
    Measured(task=args.task, outcomes=found).write(args.out)
    lines = [
        {"choice": choice, "setting": setting, **outcome.values, "reason": outcome.reason}
        for choice, outcomes in found.items()
        for setting, outcome in outcomes.items()
    ]
    print(tabulate(lines, headers="keys", floatfmt=".2f"))


def _alternatives(args: argparse.Namespace) -> Alternatives:
    return parse(Alternatives, parse_yaml(args.alternatives, "--alternatives"), "--alternatives")


def _add_real(command: argparse.ArgumentParser) -> None:
    show_example(command, "--images data/horse2zebra/testB --out real --alternatives '{k: [3, 10]}'")
    _add_paths(command, images="folder of real test images", out="folder of features files (.npz); appears whole")
    _add_alternatives(command)
    add_preparation(command)


def _add_measure(command: argparse.ArgumentParser) -> None:
    words = (
        "--images zebras --features zebras.npz --real-paired paired.npz --real-alternatives real --task "
        "horse2zebra --alternatives '{k: [3, 10]}' --out moved.json"
    )
    show_example(command, words)
    _add_paths(
        command,
        images="folder of translated test images",
        features="features file of the translated images",
        real_paired="features file of the paired real set",
        real_alternatives="folder that `real` wrote",
        out="scores under each alternative (JSON) to write",
    )
    command.add_argument("--task", required=True, help="name of the task")
    _add_alternatives(command)
    add_flags(command, FeatureConfig, "k")
    add_segmentation(command, required=False)


def _add_paths(command: argparse.ArgumentParser, **names: str) -> None:
    for name, text in names.items():
        command.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True, metavar="PATH", help=text)


def _add_alternatives(command: argparse.ArgumentParser) -> None:
    text = 'settings by choice, such as {"k": [3, 10], "jpeg": [95]}'
    command.add_argument("--alternatives", required=True, metavar="JSON", help=text)
    add_extractor(command)
    add_common(command)


COMMANDS = {
    "real": Command("features of real images under each alternative", _add_real, real),
    "measure": Command("scores of translated images under each alternative", _add_measure, measure),
}


if __name__ == "__main__":
    run_cli(main)
