"""Files that torch writes: checkpoints and the weights that others published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from enco.errors import Unreadable, UserError
from enco.io.files import atomic_path


def save_torch(path: Path, content: object) -> None:
    """Write tensors and plain values, whole; UserError where the disk is full."""
    with atomic_path(path) as partial, partial.open("wb") as file:
        torch.save(content, file)


def load_torch(path: Path) -> Any:
    """Read tensors and plain values that torch saved, to the CPU.

    Raises OSError for a file that cannot be opened, and Unreadable for one that is torn or holds anything else.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a torn file fails in as many ways as zip and pickle know
        raise Unreadable(str(error).partition("\n")[0] or type(error).__name__) from error


def load_weights(path: Path) -> Any:
    """Read a weight file that torch wrote, to the CPU; UserError for any content but tensors and plain values."""
    try:
        return load_torch(path)
    except OSError as error:
        raise UserError(
            f"The weights {path} cannot be read ({error.strerror}): name a file that is there and that you may read."
        ) from error
    except Unreadable as error:
        raise _no_weights(path) from error


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a weight file by name, to the CPU; UserError for any other content."""
    return named_tensors(load_weights(path), path)


def named_tensors(content: object, path: Path) -> dict[str, Tensor]:
    """Return the content of the weight file `path` unchanged; UserError for any but tensors by name."""
    if not isinstance(content, dict):
        raise _no_weights(path)
    if not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()):
        raise _no_weights(path)
    return content


def _no_weights(path: Path) -> UserError:
    return UserError(f"{path} does not hold network weights and nothing else: name another file, or fetch it again.")
