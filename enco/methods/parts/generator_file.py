"""Generator files: the weights that translate, with the method's name and options."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from enco.errors import Unreadable, UserError
from enco.io.files import StrPath
from enco.io.safetensors_file import load_safetensors, save_safetensors
from enco.methods import get, names, package_version, parse_options
from enco.methods.base import Method
from enco.methods.parts.schedule import Schedule
from enco.methods.parts.translator import Dtype, Translator
from enco.runtime.devices import as_device

COMPANIONS = {"drit": ("attribute_encoder_a", "attribute_encoder_b")}
"""Networks that a file keeps beside those that translate, as the files of a method's authors do."""


def save_generator(method: Method, path: StrPath, **metadata: str | int) -> None:
    """Write the networks of a generator file (safetensors), with the method's name, options and this metadata.

    The method's package is named, too, where it is another one. Raises UserError where the disk is full.
    """
    tensors = {
        f"{name}.{key}": value
        for name in kept_networks(method)
        for key, value in method.networks[name].state_dict().items()
    }
    about = {"method": method.info.name, "options": method.options.model_dump_json()}
    for package, version in package_version(method.info.name).items():
        about["package"] = f"{package} {version}"
    about |= {key: str(value) for key, value in metadata.items()}
    save_safetensors(Path(path), tensors, about)


def kept_networks(method: Method) -> tuple[str, ...]:
    """Return the names of the networks that a generator file holds, those that translate first."""
    names = (*method.translators, *COMPANIONS.get(method.info.name, ()))
    return tuple(name for name in names if name in method.networks)


def load_generator(path: StrPath, device: str | torch.device = "cpu", *, dtype: Dtype = "float32") -> Translator:
    """Read a file that `save_generator` wrote; `dtype` is what convolutions compute in.

    Raises UserError, naming the file, if there is no such file or the content is not a generator's. Leaves random
    states unchanged.
    """
    path = Path(path)
    tensors, metadata = read_generator(path)
    options = json.loads(metadata["options"])
    if "package" in metadata and metadata["method"] not in names():
        raise UserError(
            f"{path} is a generator of the method '{metadata['method']}' of the package {metadata['package']}: "
            "install that package first."
        )
    cls = get(metadata["method"])
    with torch.random.fork_rng(devices=[]):
        method = cls(parse_options(metadata["method"], options, f"options in {path}"), Schedule(), as_device(device))
    translator = Translator(method, metadata["method"], options, metadata, dtype)
    if translator.is_one_way:
        for name in method.translators[1:]:
            del method.networks[name]
    _load_weights(method, tensors, path)
    return translator


def read_generator(path: StrPath) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors of a generator file, named `<network>.<key>`, and the metadata; errors as `load_generator`."""
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a run's generator.safetensors.")
    if not path.is_file():
        raise UserError(f"Generator file {path} does not exist: train first, or name another with --generator.")
    try:
        tensors, metadata = load_safetensors(path)
    except Unreadable as error:
        raise UserError(
            f"{path} is no generator file of this project, or is cut ({error}): name a run's generator.safetensors,"
            " which lies beside its checkpoints and is made again by the command that trained."
        ) from error
    if not {"method", "options"} <= metadata.keys():
        raise UserError(f"{path} has no generator of this project in it: name a generator.safetensors of a run.")
    return tensors, metadata


def _load_weights(method: Method, tensors: dict[str, Tensor], path: Path) -> None:
    for name in (name for name in method.translators if name in method.networks):
        network = method.networks[name]
        weights = {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.startswith(f"{name}.")}
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise UserError(
                f"The weights in {path} do not fit a {method.info.label} {name}: it was written by another version of "
                "this project, so train again."
            ) from error
        network.eval().requires_grad_(False)
