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
from enco.files import atomic_path, sha256


def cache_path(url: str) -> Path:
    """Where torch's hub keeps the file of this address: under $TORCH_HOME, by default ~/.cache/torch."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name


def published_weights(url: str, path: Path | None = None) -> Path:
    """The file of this address at `path`, or in torch's cache; downloaded to there if it is missing.

    Raises UserError if it cannot be downloaded, or is not what its published name promises.
    """
    path = path or cache_path(url)
    if not path.is_file():
        download(url, path)
    elif not is_published(path, url):
        raise UserError(f"{path} is not the published file ({_promise(url)}): delete it and fetch {url} again.")
    return path


def download(url: str, path: Path) -> None:
    """Download weights to `path`; UserError, and no file, if that fails or they are not what their name promises."""
    import pooch

    try:
        with atomic_path(path) as partial:
            pooch.retrieve(url, known_hash=None, fname=partial.name, path=partial.parent, progressbar=True)
            if not is_published(partial, url):
                raise UserError(
                    f"What {url} sends is not the published file ({_promise(url)}): fetch it elsewhere and put it at"
                    f" {path}."
                )
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"Could not download {url} ({error}): fetch it by hand and put it at {path}.") from error


def is_published(path: Path, url: str) -> bool:
    """Whether a file's SHA-256 starts as the name in its address says."""
    return sha256(path).startswith(published_hash(Path(url).name))


def published_hash(name: str) -> str:
    """The start of a file's SHA-256 that torch's convention puts at the end of its name."""
    match = re.search(r"-([0-9a-f]{8,})\.", name)
    if match is None:
        raise ValueError(f"{name} carries no hash")
    return match.group(1)


def _promise(url: str) -> str:
    return f"whose SHA-256 starts with {published_hash(Path(url).name)}"


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth file by name, on the CPU; UserError if it is not such a file."""
    try:
        content: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise UserError(f"{path} does not hold network weights: delete it and fetch it again.") from error
    return content
