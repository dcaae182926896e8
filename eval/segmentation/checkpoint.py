"""The checkpoint from which a killed training of the segmentation network goes on; a finished one removes the file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from enco.errors import Unreadable
from enco.io.torch_file import load_torch, save_torch
from enco.runtime.randomness import random_state, set_random_state


class Stateful(Protocol):
    """A network, an optimizer or a schedule."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any: ...


class EpochCheckpoint:
    """The state after some epoch of one training, which `identity` tells from others with the same output."""

    def __init__(self, out: Path, identity: str) -> None:
        self.path = out.with_name(f".{out.stem}.checkpoint")
        self.identity = identity

    def save(self, epoch: int, parts: Mapping[str, Stateful], device: torch.device) -> None:
        """Write what the training needs to go on after `epoch` bit for bit."""
        content = {"identity": self.identity, "epoch": epoch, "random": random_state(device)}
        save_torch(self.path, content | {name: part.state_dict() for name, part in parts.items()})

    def resume(self, parts: Mapping[str, Stateful], device: torch.device) -> int:
        """Give the parts their saved states and return the epochs done; 0 without a checkpoint of this training."""
        try:
            saved = load_torch(self.path)
        except FileNotFoundError:
            return 0
        except (OSError, Unreadable) as error:
            print(f"The checkpoint {self.path} is unreadable and left aside ({error}).", flush=True)
            return 0
        if saved["identity"] != self.identity:
            print(f"The checkpoint {self.path} is of other images or settings: training starts anew.", flush=True)
            return 0
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        set_random_state(saved["random"], device)
        print(f"Going on after epoch {saved['epoch']}.", flush=True)
        return int(saved["epoch"])

    def remove(self) -> None:
        """Remove the file: the training is done."""
        self.path.unlink(missing_ok=True)


def identity(settings: str, tensors: Iterable[Tensor]) -> str:
    """Return the SHA-256 of a training's settings, starting weights and data."""
    digest = hashlib.sha256(settings.encode())
    for tensor in tensors:
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
