"""Whole steps of tiny methods: the gradients that optimisers get, and the errors of these gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from io import StringIO
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.overrides import TorchFunctionMode

from enco.config.compute import ComputeConfig
from enco.data.batch import Batch
from enco.methods import create
from enco.methods.parts.schedule import Schedule
from enco.selftest.differences import difference_error, relative_error
from enco.selftest.tape import Gradients, Record, Replay
from enco.selftest.tiny import random_batch, tiny_options
from enco.training.train_step import TrainStep

Errors = dict[str, float]
"""Relative errors by network."""
NetworkGradients = dict[str, list[list[Tensor]]]
"""For each network, the gradients of each of a step's updates."""


class GradientRecorder(Optimizer):
    """An optimiser that records gradients and leaves weights unchanged."""

    def __init__(self, optimizer: Optimizer, taken: list[Gradients]) -> None:
        super().__init__(optimizer.param_groups, {})
        self.taken = taken

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        weights = [weight for group in self.param_groups for weight in group["params"] if weight.grad is not None]
        self.taken.append({weight: weight.grad.detach().clone() for weight in weights})


class Float32Draws(TorchFunctionMode):
    """A context in which random numbers are drawn in float32, and so are equal in every precision."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.rand or func is torch.randn:
            return func(*args, **kwargs or {}, dtype=torch.float32).to(torch.get_default_dtype())
        return func(*args, **kwargs or {})


class Trial:
    """A method's step that can be repeated from the same weights and draws on the same images."""

    def __init__(self, name: str, compute: ComputeConfig, device: torch.device, dtype: torch.dtype) -> None:
        torch.manual_seed(0)
        self.method = create(name, schedule=Schedule(1, 1), device=device, **tiny_options(name))
        with redirect_stdout(StringIO()):  # FSeSim prints the weights of its VGG16
            self.method.calibrate(random_batch(seed, self.method.images_per_step, device) for seed in (1, 2, 3))
        self.taken: list[Gradients] = []
        for key, optimizer in self.method.optimizers.items():
            self.method.optimizers[key] = GradientRecorder(optimizer, self.taken)
        for module in (*self.networks.values(), *(m for m in vars(self.method).values() if isinstance(m, nn.Module))):
            module.to(dtype)
        self.train_step, self.dtype = TrainStep(self.method, compute), dtype
        self.train_step.begin_epoch(1)
        images = random_batch(0, self.method.images_per_step, device)
        self.batch = Batch(source=images["source"].to(dtype), target=images["target"].to(dtype))
        self.step()  # allocates image pools

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The method's networks by name."""
        return self.method.networks

    def step(self, within: AbstractContextManager[Any] | None = None) -> None:
        """Do the step within an optional context; afterwards `taken` holds the gradients that optimisers got."""
        self.taken.clear()
        torch.manual_seed(0)
        with self._same_state(), default_dtype(self.dtype), Float32Draws(), within or nullcontext():
            self.train_step(self.batch)

    @contextmanager
    def _same_state(self) -> Iterator[None]:
        """Clear gradients before the block, and restore weights and buffers after the block."""
        tensors = [t for network in self.networks.values() for t in (*network.parameters(), *network.buffers())]
        before = [tensor.detach().clone() for tensor in tensors]
        for network in self.networks.values():
            network.zero_grad()
        yield
        with torch.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)

    def gradients(self, within: AbstractContextManager[Any] | None = None) -> NetworkGradients:
        """Return the gradients of every network's updates in a step."""
        self.step(within)
        return {
            name: [[got[w] for w in network.parameters() if w in got] for got in self.taken]
            for name, network in self.networks.items()
        }


def difference_errors(trial: Trial) -> Errors:
    """Measure the gradients of each network that a float64 step trains against finite differences."""
    weights = [weight for network in trial.networks.values() for weight in network.parameters()]
    record = Record(weights)
    trial.step(record)

    def losses() -> list[float]:
        replay = Replay(record)
        trial.step(replay)
        return replay.losses

    return {
        name: difference_error(record.updates, losses, network.parameters())
        for name, network in trial.networks.items()
        if any(weight in update.gradients for weight in network.parameters() for update in record.updates)
    }


def errors_against(wanted: NetworkGradients, trial: Trial, within: AbstractContextManager[Any] | None = None) -> Errors:
    """Compare a step's gradients with the wanted ones; return the largest relative error of each network's updates."""
    found = trial.gradients(within)
    return {
        name: max(relative_error(*pair) for pair in zip(found[name], updates, strict=True) if pair[1])
        for name, updates in wanted.items()
        if any(updates)
    }


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Make new tensors have this type within the block."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
