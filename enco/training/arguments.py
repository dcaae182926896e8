"""The command line of `python -m enco.train`: from a person, or from the pipeline with all settings in one string."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from enco.config.base import parse
from enco.config.bounds import COUNT_OR_NONE, PROCESSES, SEED, THREADS
from enco.config.compute import ComputeConfig
from enco.config.run import RunConfig, TrainConfig
from enco.config.yaml import parse_yaml, read_yaml
from enco.errors import UserError, encodable
from enco.runtime.capabilities import refuse_unsupported_gpu
from enco.runtime.devices import DEVICES, named_device
from enco.training.identity import OnChange

KEPT = ("code", "computed")
CADENCE = ("checkpoint_every", "log_every", "sample_every", "snapshot_epochs", "cache_mb")
OWN = (
    *("data", "task", "direction", "recursive", "levels", "epochs", "seed", "compute", "set", "tracking"),
    *CADENCE,
)
"""Settings that the command line has for a run of one's own."""


@dataclass(frozen=True)
class Arguments:
    """What to train, where to, and on what."""

    config: RunConfig
    out: Path
    device: torch.device
    workers: int
    threads: int | None
    deterministic: bool
    policy: OnChange


def parse_arguments(arguments: list[str] | None = None) -> Arguments:
    """Read the command line; UserError for settings that are missing, unknown or invalid."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.settings:
        _check_alone(given, parser)
    config = load_settings(given.settings) if given.settings else _config_of(given)
    device = choose_device(given.device)
    return Arguments(config, given.out, device, given.workers, given.threads, given.deterministic, _policy(given))


def _check_alone(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Raise UserError for settings of the command line beside --settings, which would have no effect."""
    extra = [f"--{name.replace('_', '-')}" for name in OWN if getattr(given, name) != parser.get_default(name)]
    if extra:
        raise UserError(f"Beside --settings {', '.join(extra)} would be ignored: put what is meant into the settings.")


def load_settings(settings: str) -> RunConfig:
    """A run's settings from a JSON text, or from a JSON or YAML file of that name."""
    is_text = settings.lstrip().startswith("{")
    if not is_text and not Path(settings).is_file():
        raise UserError(f"The settings file {settings} does not exist: name a JSON or YAML file, or give JSON.")
    where = "the settings" if is_text else settings
    values = parse_yaml(settings, "--settings") if is_text else read_yaml(Path(settings))
    if not isinstance(values, dict):
        raise UserError(f"What {where} holds is no mapping of names to values: see RunConfig in enco/config/run.py.")
    return parse(RunConfig, values, where)


def choose_device(name: str) -> torch.device:
    """A device by name; `auto` takes a GPU if there is one. UserError if there is none, or PyTorch cannot use it."""
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, present in has.items() if present)
    if not has[name]:
        present = ", ".join(kind for kind in has if has[kind])
        raise UserError(f"This machine has no {name} device for --device: choose one of {present}.")
    device = torch.device(name)
    if device.type == "cuda":
        refuse_unsupported_gpu(device)
    return device


def _parser() -> argparse.ArgumentParser:
    from enco.data.reading import add_reading  # reads images, and choosing a device takes torch alone

    parser = argparse.ArgumentParser(prog="python -m enco.train", description="Train one method on two image sets.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--settings", metavar="JSON_OR_FILE", help="all settings of the run; excludes those below")
    what.add_argument("--method", help="a method's name, such as enco")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; goes on from what is in it")
    parser.add_argument("--device", type=named_device, choices=DEVICES, default="auto")
    parser.add_argument("--threads", type=THREADS, help="CPU threads of torch")
    parser.add_argument("--workers", type=PROCESSES, default=0, help="processes that load images")
    parser.add_argument("--deterministic", action="store_true", help="repeatable bit for bit on a GPU too, but slower")
    otherwise = parser.add_argument_group(
        "if what is in --out was made with other settings, images or code",
        "(without these the training stops and names what differs; where nothing does, it goes on)",
    )
    otherwise.add_argument("--anew", action="store_true", help="move it aside, to earlier-<n>, and begin anew")
    otherwise.add_argument(
        "--keep",
        nargs="*",
        choices=KEPT,
        metavar="KIND",
        help="go on with it where only its code or what it computed with differs: code, computed (default: both)",
    )
    own = parser.add_argument_group("settings of a run of your own, with --method")
    own.add_argument("--data", type=Path, help="folder of trainA, trainB, testA and testB")
    own.add_argument("--task", help="name for the record (default: the data folder's)")
    own.add_argument("--direction", choices=("AtoB", "BtoA"))
    add_reading(own)
    own.add_argument(
        "--epochs", type=COUNT_OR_NONE, nargs=2, metavar=("CONST", "DECAY"), help="at full rate, and of decay"
    )
    own.add_argument("--seed", type=SEED)
    own.add_argument(
        "--compute", metavar="MODE_OR_YAML", help="plain, fast, or pieces of it: {mode: fast, compile: false}"
    )
    own.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the method")
    own.add_argument("--tracking", choices=("live", "sync", "off"), help="how MLflow is kept up to date")
    for name in CADENCE:
        text = str(TrainConfig.model_fields[name].description)
        own.add_argument(f"--{name.replace('_', '-')}", type=COUNT_OR_NONE, metavar="N", help=text)
    return parser


def _policy(given: argparse.Namespace) -> OnChange:
    kept = () if given.keep is None else given.keep or KEPT
    return OnChange(given.anew, frozenset(kept))


def _config_of(given: argparse.Namespace) -> RunConfig:
    from enco.data.reading import Reading  # as above

    if given.data is None:
        raise UserError("--method needs --data: the folder that holds trainA, trainB, testA and testB.")
    train = {name: getattr(given, name) for name in (*CADENCE, "tracking")}
    if given.epochs:
        train["n_const"], train["n_decay"] = given.epochs
    values = {
        "method": given.method,
        "task": encodable(given.task or given.data.resolve().name),
        "data": _given({"root": given.data, "direction": given.direction, **asdict(Reading.of(given))}),
        "options": dict(_option(text) for text in given.set),
        "train": _given(train),
        "compute": parse_yaml(given.compute, "--compute") if given.compute else None,
        "seed": given.seed,
    }
    return parse(RunConfig, _given(values), "the command line")


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def read_compute(text: str) -> ComputeConfig:
    """What a --compute says: a mode's name, or `ComputeConfig`'s keys as YAML or JSON; UserError for anything else."""
    return parse(ComputeConfig, parse_yaml(text, "--compute"), "--compute")


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set {text} has no value: write --set NAME=VALUE, such as --set k=2.")
    return name, parse_yaml(value, f"--set {text}")
