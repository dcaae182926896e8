"""Write full-state checkpoints whole, read them with suspicion, keep the last two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from enco.errors import NonFiniteLoss, Unreadable
from enco.io.torch_file import load_torch, save_torch
from enco.methods.base import Method
from enco.records import RunRecord, parse_record
from enco.runtime.randomness import RandomState
from enco.training.run_log import Losses

CHECKPOINTS_KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """All that a training needs to go on bit for bit."""

    iteration: int
    method: dict[str, Any]
    random: RandomState
    window: list[tuple[int, Losses]]
    wall_seconds: float
    wait_seconds: float
    """The part of the `wall_seconds` that was spent waiting for data."""
    begun: str
    saved: str
    record: RunRecord
    """Settings, code, versions and device, as of this checkpoint."""


class CheckpointFolder:
    """`checkpoints/` of a run's folder."""

    def __init__(self, run_folder: Path) -> None:
        self.folder = run_folder / "checkpoints"
        self._good: list[Path] = []

    def files(self) -> list[Path]:
        """List the checkpoint files, oldest first."""
        return sorted(self.folder.glob("iter*.pt"))

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and remove all but this and the previous one.

        Raises NonFiniteLoss, and writes nothing, if a weight is not finite; UserError if the disk is full.
        """
        check_weights(checkpoint.method["networks"], checkpoint.iteration)
        path = self.folder / f"iter{checkpoint.iteration:07d}.pt"
        # Not asdict, which copies every tensor first.
        save_torch(path, {**vars(checkpoint), "record": checkpoint.record.content()})
        self._good = [*(good for good in self._good if good != path), path][-CHECKPOINTS_KEPT:]
        for old in set(self.files()) - set(self._good):
            old.unlink(missing_ok=True)

    def newest(self) -> Checkpoint | None:
        """Read the newest checkpoint that can be read, naming and skipping unreadable files.

        Raises UserError for one that another version wrote.
        """
        for path in reversed(self.files()):
            try:
                checkpoint = read_checkpoint(path)
            except (OSError, Unreadable) as error:
                print(f"The checkpoint {path} is unreadable and skipped ({error}).", flush=True)
                continue
            self._good = [path]
            return checkpoint
        return None

    def of_iteration(self, iteration: int) -> Checkpoint | None:
        """Read the newest checkpoint that can be read; None if that is of another iteration."""
        checkpoint = self.newest()
        return checkpoint if checkpoint and checkpoint.iteration == iteration else None

    def clear_leftovers(self) -> None:
        """Remove partial files of a killed process; only for who holds the run's lock."""
        for leftover in self.folder.glob(".*.partial"):
            leftover.unlink()


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint to the CPU.

    Raises UserError for one of another version, and OSError or Unreadable for a file that is gone, damaged or no
    checkpoint.
    """
    content = load_torch(path)
    try:
        return Checkpoint(**{**content, "record": parse_record(RunRecord, content["record"], path)})
    except (KeyError, TypeError) as error:
        raise Unreadable(f"no checkpoint of a training: {error}") from error


def bytes_at_least(method: Method) -> int:
    """Count the bytes of a checkpoint without image pools: networks, and Adam's two moments of what is trained."""
    held = sum(tensor.nbytes for net in method.networks.values() for tensor in net.state_dict().values())
    return held + 2 * sum(p.nbytes for net in method.networks.values() for p in net.parameters() if p.requires_grad)


def check_weights(networks: Mapping[str, Mapping[str, Any]], iteration: int) -> None:
    """Raise NonFiniteLoss, naming the network, if a weight or buffer of these state dicts is not finite."""
    for name, network in networks.items():
        if not all(_is_finite(value) for value in network.values()):
            raise NonFiniteLoss(f"The weights of '{name}' stopped being finite by iteration {iteration}")


def _is_finite(value: Any) -> bool:
    return not isinstance(value, Tensor) or not value.is_floating_point() or bool(value.isfinite().all())
