"""Weight files of the segmentation network: the published formats, and this project's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from enco.errors import Unreadable, UserError
from enco.io.files import StrPath, sha256
from enco.io.safetensors_file import load_safetensors, save_safetensors
from enco.io.torch_file import load_weights, named_tensors
from enco.notices import say_once
from eval.config import NetworkName
from eval.segmentation.drn import DRN
from eval.segmentation.releases import PUBLISHED, check_there

PREFIX = "module."
_SCALAR = np.float64(0).__reduce__()[0]
NUMPY_NUMBERS: list[Any] = [
    *((_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),  # before and since numpy 2
    *(np.dtype, type(np.dtype(np.float32)), type(np.dtype(np.float64))),
]
"""What torch must be allowed for a `best_prec1` that is a numpy number; with these alone no code of a file is run."""


@dataclass(frozen=True)
class Segmenter:
    """A trained network, ready to use, with its publisher's name, its label in tables, and its file's SHA-256."""

    network: DRN
    name: NetworkName
    label: str
    sha256: str


def load_segmenter(
    path: StrPath, device: str | torch.device, name: NetworkName = "own", expected: str | None = None
) -> Segmenter:
    """Read a DRN from one of three kinds of file; `name` is the network's publisher.

    Those are `drn_d_22.pth.tar` (a dictionary with `state_dict`, names prefixed `module.`), `drn_d_22_cityscapes.pth`
    (a bare state dict) and the .safetensors of `python -m eval drn-train`. No hash of the published files is known, so
    that a notice says which file is taken for one. Raises UserError for a file of no such kind, of another kind than
    the published network's, or with a SHA-256 that does not start as `expected`.
    """
    path = Path(path)
    check_there(path, name)
    digest = sha256(path)
    if expected and not digest.startswith(expected.lower()):
        raise UserError(f"The SHA-256 of {path} is {digest}, not {expected}: name another file, or correct the hash.")
    trained_here = path.suffix == ".safetensors"
    if trained_here and name != "own":
        raise UserError(f"{path} was trained by `drn-train`: name it with 'network: own', or give {name}'s own file.")
    weights, about = _read_own(path) if trained_here else (_read_published(path, name), {})
    try:
        network = DRN(width=float(about.get("width", 1.0)))
        network.load_state_dict(weights)
    except (RuntimeError, ValueError, ArithmeticError) as error:  # weights of other sizes, or a width that is none
        raise UserError(
            f"{path} does not hold the weights of a DRN-D-22 with 19 classes: name another file."
        ) from error
    label = PUBLISHED[name].label if name in PUBLISHED else about.get("label", f"DRN-D-22 ({path.name})")
    if name in PUBLISHED and not expected:
        say_once(f"{path} is taken for the network of {name}, by its kind alone; its SHA-256 is {digest}.")
    return Segmenter(network.eval().requires_grad_(False).to(device), name, label, digest)


def save_segmenter(network: DRN, path: StrPath, about: dict[str, str]) -> None:
    """Write weights and a description of their training, whole, as .safetensors."""
    path = Path(path)
    if path.suffix != ".safetensors":
        raise UserError(f"The weights {path} are written as safetensors: give a name that ends in .safetensors.")
    save_safetensors(path, network.state_dict(), about)


def load_trunk(network: DRN, path: StrPath) -> None:
    """Start the trunk from the published ImageNet classifier, drn_d_22-4bd2f8ea.pth; UserError if sizes differ."""
    weights = {
        name.replace("layer", "base.", 1): value
        for name, value in _read_published(Path(path)).items()
        if "fc." not in name
    }
    try:
        left_out = network.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise UserError(f"The ImageNet weights {path} do not fit this width: use them with --width 1.") from error
    missing = {name for name in left_out.missing_keys if name.startswith("base.")}
    if left_out.unexpected_keys or missing:
        raise UserError(f"{path} is not the ImageNet classifier drn_d_22-4bd2f8ea.pth: name that file for --trunk.")


def _read_published(path: Path, name: str = "own") -> dict[str, Tensor]:
    """Read the weights of a file of torch's; UserError for a file of another kind than `name` published."""
    with torch.serialization.safe_globals(NUMPY_NUMBERS):
        content = load_weights(path)
    is_checkpoint = isinstance(content, dict) and "state_dict" in content
    if name in PUBLISHED and is_checkpoint != PUBLISHED[name].is_checkpoint:
        raise UserError(f"{path} is not {PUBLISHED[name].file} as {name} published it: fetch that, or say whose it is.")
    weights = content.get("state_dict", content) if isinstance(content, dict) else content
    return {name.removeprefix(PREFIX): value for name, value in named_tensors(weights, path).items()}


def _read_own(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        return load_safetensors(path)
    except Unreadable as error:
        raise UserError(f"{path} is not a whole safetensors file: train it again.") from error
