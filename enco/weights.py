"""Weights that others published: where they are kept, how they come there, and proof that they are them.

A file's name carries the start of its SHA-256, as torch's convention has it: vgg16-397923af.pth.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import torch
from torch import Tensor

from enco.errors import UserError
from enco.fetch import Published, fetch


def cache_path(url: str) -> Path:
    """Where torch's hub keeps the file of this address: under $TORCH_HOME, by default ~/.cache/torch."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name


def published_weights(url: str, path: Path | None = None) -> Path:
    """The file of this address at `path`, or in torch's cache; downloaded to there if it is missing.

    Raises UserError if it cannot be downloaded, or is not what its published name promises.
    """
    return fetch(url, path or cache_path(url), Published(published_hash(Path(url).name)))


def published_hash(name: str) -> str:
    """The start of a file's SHA-256 that torch's convention puts at the end of its name."""
    match = re.search(r"-([0-9a-f]{8,})\.", name)
    if match is None:
        raise ValueError(f"{name} carries no hash")
    return match.group(1)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth file by name, on the CPU; UserError if it is not such a file."""
    try:
        content: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise UserError(f"{path} does not hold network weights: delete it and fetch it again.") from error
    return content
