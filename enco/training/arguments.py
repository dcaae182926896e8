"""Read the command line of `python -m enco.train`: a person's flags, or all settings of the pipeline in one text."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch

from enco.config.base import parse
from enco.config.bounds import COUNT_OR_NONE, PROCESSES, THREADS
from enco.config.commands import show_example
from enco.config.flags import add_flags, flag, named_value
from enco.config.run import DataConfig, RunConfig, TrainConfig
from enco.config.yaml import parse_yaml, read_yaml
from enco.data.folders import SETS
from enco.errors import UserError, encodable
from enco.runtime.devices import DEVICES, choose_device, named_device
from enco.training.identity import OnChange

KINDS = ("code", "computed")
"""Kinds of differences that a training may go on with."""
READING = ("direction", "recursive", "levels")
CADENCE = ("checkpoint_every", "log_every", "sample_every", "snapshot_epochs", "probe_epochs", "cache_mb")
TEXTS = ("probe_image", "tracking")
OWN = ("data", "task", *READING, "epochs", "seed", "init", "copy_steps", "compute", "set", *CADENCE, *TEXTS)
"""Settings that the command line has for a run of one's own."""


@dataclass(frozen=True)
class Arguments:
    """A training to do: what, where to, and on what."""

    config: RunConfig
    out: Path
    device: torch.device
    workers: int
    threads: int | None
    deterministic: bool
    policy: OnChange


def parse_arguments(words: list[str] | None = None) -> Arguments:
    """Read the command line; UserError for settings that are missing, unknown or invalid."""
    parser = _parser()
    args = parser.parse_args(words)
    if args.settings:
        _check_alone(parser, words)
    config = load_settings(args.settings) if args.settings else _config_of(args)
    _check_out(args.out, config.data.root)
    policy = OnChange(args.anew, frozenset(() if args.keep is None else args.keep or KINDS))
    device = choose_device(args.device)
    return Arguments(config, args.out, device, args.workers, args.threads, args.deterministic, policy)


def load_settings(settings: str) -> RunConfig:
    """Read a run's settings from a JSON text, or from a JSON or YAML file of that name."""
    if settings.lstrip().startswith("{"):
        return parse(RunConfig, parse_yaml(settings, "--settings"), "the settings")
    if not Path(settings).is_file():
        raise UserError(f"The settings file {settings} does not exist: name a JSON or YAML file, or give JSON.")
    values = read_yaml(Path(settings), "the fields of RunConfig in enco/config/run.py")
    return parse(RunConfig, values, settings)


def _check_out(out: Path, data: Path) -> None:
    """Raise UserError for a run's folder that is the data folder, or lies in one of the data folder's sets."""
    place = out.resolve()
    if place == data.resolve() or any(place.is_relative_to((data / name).resolve()) for name in SETS):
        raise UserError(f"--out {out} is a folder of the images themselves: name another one.")


def _check_alone(parser: argparse.ArgumentParser, words: list[str] | None) -> None:
    """Raise UserError for settings of the command line beside --settings, which would have no effect."""
    # Parsed without defaults: a flag may say the default where the settings say otherwise.
    args = parser.parse_args(words, argparse.Namespace(**dict.fromkeys(OWN)))
    extra = [flag(name) for name in OWN if getattr(args, name) is not None]
    if extra:
        raise UserError(f"Beside --settings {', '.join(extra)} would be ignored: put what is meant into the settings.")


def _config_of(args: argparse.Namespace) -> RunConfig:
    if args.data is None:
        raise UserError("--method needs --data: the folder that holds trainA, trainB, testA and testB.")
    train = {name: getattr(args, name) for name in (*CADENCE, *TEXTS)}
    if args.epochs:
        train["n_const"], train["n_decay"] = args.epochs
    values = {
        "method": args.method,
        "task": encodable(args.task or args.data.resolve().name),
        "data": {"root": args.data, **{name: getattr(args, name) for name in READING}},
        "options": dict(named_value(text) for text in args.set),
        "train": train,
        "compute": parse_yaml(args.compute, flag("compute")),
        "seed": args.seed,
        "init": args.init,
        "copy_steps": args.copy_steps,
    }
    return parse(RunConfig, values, "the command line")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m enco.train", description="Train one method on two image sets.")
    show_example(parser, "--method enco --data photos --epochs 100 100 --out runs/photos")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--settings", metavar="JSON_OR_FILE", help="all settings of the run; excludes those below")
    what.add_argument("--method", help="a method's name, such as enco")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; goes on from what is in it")
    parser.add_argument("--device", type=named_device, choices=DEVICES, default="auto")
    parser.add_argument("--threads", type=THREADS, help="CPU threads of torch")
    parser.add_argument("--workers", type=PROCESSES, default=0, help="processes that load images")
    parser.add_argument("--deterministic", action="store_true", help="repeatable bit for bit on a GPU too, but slower")
    _add_policy(parser)
    _add_settings(parser)
    return parser


def _add_policy(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "if what is in --out was made with other settings, images or code",
        "(without these the training stops and names what differs; where nothing does, it goes on)",
    )
    group.add_argument("--anew", action="store_true", help="move it aside, to earlier-<n>, and begin anew")
    text = "go on with it where only its code or what it computed with differs: code, computed (default: both)"
    group.add_argument("--keep", nargs="*", choices=KINDS, metavar="KIND", help=text)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings of a run of your own, with --method")
    group.add_argument("--data", type=Path, help="folder of trainA, trainB, testA and testB")
    group.add_argument("--task", help="name for the record (default: the data folder's)")
    add_flags(group, DataConfig, *READING)
    epochs = ("CONST", "DECAY")
    group.add_argument("--epochs", type=COUNT_OR_NONE, nargs=2, metavar=epochs, help="at full rate, and of decay")
    add_flags(group, RunConfig, "seed")
    text = "a generator file (generator.safetensors) whose weights the training starts from"
    group.add_argument("--init", type=Path, metavar="FILE", help=text)
    add_flags(group, RunConfig, "copy_steps", type=COUNT_OR_NONE, metavar="N")
    text = "plain, fast, or options of it: {mode: fast, compile: false} (default plain)"
    group.add_argument("--compute", metavar="MODE_OR_YAML", default="plain", help=text)
    group.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the method")
    # Bounds are those of the settings, whose message names the wrong one.
    add_flags(group, TrainConfig, *CADENCE, type=COUNT_OR_NONE, metavar="N")
    add_flags(group, TrainConfig, *TEXTS)
