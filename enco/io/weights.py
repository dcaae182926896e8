"""Weight files: those that others published, with proof that they are them, and those written here.

A published file's name carries the start of its SHA-256, as torch's convention has it: vgg16-397923af.pth.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from enco.errors import UserError, encodable
from enco.io.files import atomic_path
from enco.notices import say_once


def cache_path(url: str) -> Path:
    """Where torch's hub keeps the file of this address: under $TORCH_HOME, by default ~/.cache/torch."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name


def published_weights(url: str, path: Path | None = None) -> Path:
    """The file of this address at `path`, or in torch's cache; downloaded to there if it is missing.

    Raises UserError if it cannot be downloaded, or is not what its published name promises.
    """
    from enco.io.fetch import Published, fetch  # brings requests, which a training has no use for

    target = path or cache_path(url)
    if not target.exists():
        say_once(f"Fetching {url} to {target}.")
    return fetch(url, target, Published(published_hash(Path(url).name)))


def chosen_weights(url: str, path: Path | None) -> Path:
    """The published file of this address that the user names, or that of torch's cache, fetched if it is missing.

    Raises UserError for a named one that is not there or is not the published one, and as `published_weights`.
    """
    if path is not None and not path.is_file():
        raise UserError(f"The weights {path} do not exist: correct the path, or leave it out to have {url} fetched.")
    return published_weights(url, path)


def published_hash(name: str) -> str:
    """The start of a file's SHA-256 that torch's convention puts at the end of its name."""
    match = re.search(r"-([0-9a-f]{8,})\.", name)
    if match is None:
        raise ValueError(f"{name} carries no hash")
    return match.group(1)


def save_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Write tensors and what is to be known of them, whole, as .safetensors: equal ones are equal files.

    Raises UserError where the disk is full.
    """
    from safetensors.torch import save  # only for files: a step needs nothing but torch

    about = {name: encodable(text) for name, text in about.items()}
    held = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with atomic_path(path) as partial:
        # Not save_file, whose error for a full disk is not an OSError.
        partial.write_bytes(_ordered(save(held, about)))


def _ordered(content: bytes) -> bytes:
    """The same safetensors content with its header's keys sorted."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:start]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[start:]


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth file by name, on the CPU; UserError if it is not such a file."""
    return named_tensors(unpickled(path), path)


def unpickled(path: Path) -> Any:
    """What torch saved in a file, on the CPU; UserError if that cannot be read or is not just tensors and values."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(
            f"The weights {path} cannot be read ({error.strerror}): name a file that is there and that you may read."
        ) from error
    except Exception as error:  # a torn file fails in as many ways as zip and pickle know
        raise _no_weights(path) from error


def named_tensors(content: object, path: Path) -> dict[str, Tensor]:
    """What was read from `path` as it is; UserError unless it is tensors by name."""
    if not isinstance(content, dict):
        raise _no_weights(path)
    if not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()):
        raise _no_weights(path)
    return content


def _no_weights(path: Path) -> UserError:
    return UserError(f"{path} does not hold network weights and nothing else: name another file, or fetch it again.")
