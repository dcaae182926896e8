"""Start the networks of a training from the weights of a generator file (`--init`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from enco.config.run import InitConfig, RunConfig
from enco.errors import UserError
from enco.io.files import sha256
from enco.records import find_record

if TYPE_CHECKING:
    from torch import Tensor, nn

    from enco.methods.base import Method

SHA256_DIGITS = 64
SIZES = ("ngf", "n_blocks", "arch", "directions", "sharing", "concat", "style_dim", "mlp_width", "attribute_dim")
"""Options that decide the shapes of networks that translate."""


def digested(init: InitConfig, recorded: InitConfig | None = None) -> InitConfig:
    """Complete an init by the SHA-256 of its file.

    A file that is gone has the SHA-256 that is given in full, or else the one that is recorded for the same path.
    Raises UserError for a file whose SHA-256 is neither, and for one that is not the file of the SHA-256 that is given.
    """
    found = sha256(init.path) if init.path.is_file() else _known(init, recorded)
    if not found:
        raise UserError(
            f"The generator to start from, {init.path}, is no file: name a generator.safetensors, or give the full"
            " sha256 with the path in the settings if all that starts from it is trained."
        )
    if not found.startswith(init.sha256):
        raise UserError(
            f"{init.path} is not the file to start from: its SHA-256 begins with {found[:12]}, not with"
            f" {init.sha256[:12]}: put that file back, or leave its SHA-256 out."
        )
    return init.model_copy(update={"sha256": found})


def _known(init: InitConfig, recorded: InitConfig | None) -> str:
    """Return the full SHA-256 of a file that is gone; empty where it is not known."""
    if len(init.sha256) == SHA256_DIGITS:
        return init.sha256
    is_same = recorded and recorded.path == init.path and recorded.sha256.startswith(init.sha256)
    return recorded.sha256 if recorded and is_same else ""


def with_digest(config: RunConfig, out: Path) -> RunConfig:
    """Complete the settings of a training in the folder `out` by the SHA-256 of the file that it starts from.

    For a file that is gone the record in the folder counts. Errors are those of `digested`.
    """
    if config.init is None:
        return config
    record = None if config.init.path.is_file() else find_record(out)
    return config.model_copy(update={"init": digested(config.init, record.config.init if record else None)})


def check_there(init: InitConfig | None) -> None:
    """Raise UserError unless the file of an init is there, or there is no init."""
    if init and not init.path.is_file():
        raise UserError(
            f"The generator to start from, {init.path}, is no file: put it there, or name another"
            " generator.safetensors."
        )


def start_from(method: Method, config: RunConfig) -> str:
    """Load the weights of the init's file into the networks of the same names, and say which these are.

    Networks that the file does not have keep their first weights. Returns an empty text where nothing is to be loaded.
    Raises UserError for a file that is gone or is no generator, and for one of another method, other sizes or the other
    direction.
    """
    if config.init is None:
        return ""
    from enco.methods.parts.generator_file import read_generator

    check_there(config.init)
    path = config.init.path
    tensors, about = read_generator(path)
    _check(method, config, about, path)
    parts = _by_network(tensors)
    if not parts.keys() & set(method.translators):
        raise UserError(f"{path} has no network of a {method.info.label} that translates: name another file.")
    loaded = [name for name in method.networks if name in parts]
    for name in loaded:
        _load(method.networks[name], parts[name], f"{path} does not fit this training's {method.info.label} {name}")
    fresh = [name for name in method.networks if name not in parts]
    unused = sorted(parts.keys() - method.networks.keys())
    listed = {"Started from": loaded, "fresh": fresh, "not used": unused}
    said = "; ".join(f"{what}: {', '.join(names)}" for what, names in listed.items() if names)
    return f"{said} ({path}, SHA-256 {config.init.sha256[:12]})."


def _check(method: Method, config: RunConfig, about: Mapping[str, str], path: Path) -> None:
    """Raise UserError for a file of another method, other sizes or the other direction, as far as the file says."""
    if about["method"] != method.info.name:
        raise UserError(
            f"{path} is a generator of method {about['method']}, and this training is of {method.info.name}: name"
            f" another file, or train with --method {about['method']}."
        )
    made, asked = json.loads(about["options"]), method.options.model_dump(mode="json")
    for name in SIZES:
        if name in asked and made.get(name, asked[name]) != asked[name]:
            raise UserError(
                f"{path} was made with {name}={made[name]}, and this training has {name}={asked[name]}: give it"
                f" --set {name}={made[name]}, or name another file."
            )
    direction = about.get("direction", config.data.direction)
    if direction != config.data.direction:
        raise UserError(
            f"{path} translates {direction}, and this training {config.data.direction}: give it --direction"
            f" {direction} (with trainA and trainB exchanged if yours are the other way round), or name another file."
        )


def _by_network(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Group tensors that are named `<network>.<key>` by network."""
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        network, _, key = name.partition(".")
        parts.setdefault(network, {})[key] = tensor
    return parts


def _load(network: nn.Module, weights: Mapping[str, Tensor], fault: str) -> None:
    """Load all of a network's weights; UserError, which begins with `fault`, names the first tensor that is odd."""
    known = network.state_dict()
    for key in {**known, **weights}:
        sizes = [tuple(held[key].shape) if key in held else None for held in (weights, known)]
        if sizes[0] != sizes[1]:
            has, wants = ("no such tensor" if size is None else f"shape {size}" for size in sizes)
            raise UserError(
                f"{fault}: {key} has {has} in the file and {wants} here: give the options that the file was made with,"
                " or name another file."
            )
    network.load_state_dict(weights)
