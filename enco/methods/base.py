"""The base of every translation method: networks, optimisers, one training step, and translating."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from enco.data.batch import Batch
from enco.errors import UserError
from enco.methods.parts.pool import ImagePool
from enco.methods.parts.schedule import Schedule
from enco.options.base import MethodInfo, MethodOptions

TranslationDirection = Literal["forward", "backward"]


class Method(ABC):
    """A method in training.

    A subclass names its networks and image pools in its constructor (`add_networks`, `add_pools`), and implements
    `build_optimizers` and `update`. Networks, optimisers, pools and `extra_state` are all of its state but torch's
    random state.
    """

    info: ClassVar[MethodInfo]
    translators: tuple[str, ...] = ("generator",)
    """Names of the networks that translate, forward first."""

    def __init__(self, options: MethodOptions, schedule: Schedule, device: torch.device) -> None:
        self.options = options
        self.schedule = schedule
        self.device = device
        self.epoch = 1
        self.networks: dict[str, nn.Module] = {}
        self.pools: dict[str, ImagePool] = {}

    def add_networks(self, **networks: nn.Module) -> None:
        """Move networks to the device and make them part of the method's state."""
        self.networks |= {name: network.to(self.device) for name, network in networks.items()}

    def add_pools(self, **pools: ImagePool) -> None:
        """Make image pools part of the method's state."""
        self.pools |= pools

    @property
    def two_sided(self) -> bool:
        """Whether this training translates backward too, as `info` says unless options leave that direction out."""
        return self.info.two_sided and self.options.trains_back

    @property
    def images_per_step(self) -> int:
        """Images of each domain that one step takes from the data."""
        return self.options.images_per_step

    @property
    def images_per_iteration(self) -> int:
        """Images of each domain that one step translates; the tables' sec/iter is per such image."""
        return self.options.images_per_iteration

    @cached_property
    def optimizers(self) -> dict[str, Optimizer]:
        """Every optimiser by name, built at first use, as translating needs no optimiser."""
        return self.build_optimizers()

    @abstractmethod
    def build_optimizers(self) -> dict[str, Optimizer]:
        """Make the optimisers of `networks`, at their base rates, by name."""

    @abstractmethod
    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Do one optimisation step and return every loss term by name, 0-d tensors before weighting."""

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Do one optimisation step and all that follows it; return every loss term by name, detached.

        Raises UserError for an `update` that returns anything but 0-d tensors by name.
        """
        terms = {name: term.detach() for name, term in self._checked(self.update(batch)).items()}
        self.end_step()
        return terms

    def _checked(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return loss terms, of which types and shapes are looked at and no value, as that would wait for a GPU."""
        returned = f"`update` of the method '{self.info.name}' returns"
        cure = "return a dict of scalar tensors by name, such as {'gan_g': loss.mean()}"
        if not isinstance(terms, dict):
            raise UserError(f"{returned} {_described(terms)}: {cure}.")
        for name, term in terms.items():
            if not isinstance(term, Tensor) or term.ndim:
                raise UserError(f"{returned} {_described(term)} as '{name}': {cure}.")
        return terms

    def end_step(self) -> None:
        """Do the host's work after an update, whether the update was computed or replayed from a recording."""

    def calibrate(self, batches: Iterable[Batch]) -> None:
        """Measure the batches of the first epoch, once, before a training begins; results are part of the state."""

    def share_copying(self) -> None:
        """Bring networks that do not translate, but have to agree with one that has learned to copy, to its weights."""

    def lr_factor(self, epoch: int) -> float:
        """Return the factor of every base rate in an epoch (from 1)."""
        return self.schedule.factor(epoch)

    def begin_epoch(self, epoch: int) -> None:
        """Enter an epoch (from 1), with its learning rates."""
        self.epoch = epoch
        self.set_rates()

    def set_rates(self) -> None:
        """Set every optimiser's rate to its base rate times the `lr_factor` of the current epoch."""
        factor = self.lr_factor(self.epoch)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor

    @torch.no_grad()
    def translate(self, images: Tensor, direction: TranslationDirection = "forward") -> Tensor:
        """Translate B x 3 x H x W images in [-1, 1]; `backward` needs a two-sided method, else UserError."""
        if direction == "backward" and not self.two_sided:
            raise UserError(
                f"This {self.info.label} is one-sided and cannot translate backward: train the other direction."
            )
        name = self.translators[0 if direction == "forward" else -1]
        return self.networks[name](images)

    def extra_state(self) -> dict[str, Any]:
        """Return state beyond networks, optimisers and pools, of tensors and plain values only."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restore the state that `extra_state` returned."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything that resuming bit for bit needs, except random states."""
        return {
            "epoch": self.epoch,
            "networks": {name: net.state_dict() for name, net in self.networks.items()},
            "optimizers": {name: opt.state_dict() for name, opt in self.optimizers.items()},
            "pools": {name: pool.state() for name, pool in self.pools.items()},
            "extra": self.extra_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        self.epoch = state["epoch"]
        for name, net in self.networks.items():
            net.load_state_dict(state["networks"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        for name, pool in self.pools.items():
            pool.load(state["pools"][name], self.device)
        self.load_extra_state(state["extra"])

    def parameter_count(self) -> int:
        """Count the trainable parameters of all networks, as the paper counts a model's size."""
        return sum(p.numel() for net in self.networks.values() for p in net.parameters() if p.requires_grad)


def _described(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {list(value.shape)}"
    return "nothing" if value is None else f"a value of type {type(value).__name__}"
