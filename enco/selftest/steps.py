"""The whole step of a method, as small as it can be: what gradients it takes, and whether they are right."""

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
from enco.methods import create, get
from enco.methods.parts.schedule import Schedule
from enco.selftest.differences import difference_error, relative_error
from enco.selftest.tape import Gradients, Record, Replay
from enco.training.train_step import TrainStep

SIDE = 32
SMALL: dict[str, Any] = {
    "ngf": 4,
    "ndf": 4,
    "crop_size": SIDE,
    "load_size": SIDE,
    "patches": 16,
    "head_width": 16,
    "mlp_width": 16,
    "vgg_width": 0.0625,
    "pool_size": 2,
}
Errors = dict[str, float]
"""By network."""
Taken = dict[str, list[list[Tensor]]]
"""Of each network, the gradient that each of a step's updates got."""


class Still(Optimizer):
    """Leaves weights as they are, and notes the gradients that it gets."""

    def __init__(self, optimizer: Optimizer, taken: list[Gradients]) -> None:
        super().__init__(optimizer.param_groups, {})
        self.taken = taken

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        weights = [weight for group in self.param_groups for weight in group["params"] if weight.grad is not None]
        self.taken.append({weight: weight.grad.detach().clone() for weight in weights})


class SingleDraws(TorchFunctionMode):
    """Within this block random numbers are the same in every precision: drawn in float32."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.rand or func is torch.randn:
            return func(*args, **kwargs or {}, dtype=torch.float32).to(torch.get_default_dtype())
        return func(*args, **kwargs or {})


class Trial:
    """One step of a method, always from the same weights and draws, on the same images."""

    def __init__(self, name: str, speed: ComputeConfig, device: torch.device, dtype: torch.dtype) -> None:
        torch.manual_seed(0)
        self.method = create(name, schedule=Schedule(1, 1), device=device, **small_options(name))
        with redirect_stdout(StringIO()):  # where FSeSim says whose features it takes
            self.method.calibrate(random_batch(seed, self.method.images_per_step, device) for seed in (1, 2, 3))
        self.taken: list[Gradients] = []
        for key, optimizer in self.method.optimizers.items():
            self.method.optimizers[key] = Still(optimizer, self.taken)
        for module in (*self.networks.values(), *(m for m in vars(self.method).values() if isinstance(m, nn.Module))):
            module.to(dtype)
        self.train_step, self.dtype = TrainStep(self.method, speed), dtype
        self.train_step.begin_epoch(1)
        images = random_batch(0, self.method.images_per_step, device)
        self.batch = Batch(source=images["source"].to(dtype), target=images["target"].to(dtype))
        self.step()  # after which image pools are there

    @property
    def networks(self) -> dict[str, nn.Module]:
        return self.method.networks

    def step(self, within: AbstractContextManager[Any] | None = None) -> None:
        """Do the step, in a context of its own if there is one; `taken` are the gradients that optimisers got."""
        self.taken.clear()
        torch.manual_seed(0)
        with self._same_state(), default_dtype(self.dtype), SingleDraws(), within or nullcontext():
            self.train_step(self.batch)

    @contextmanager
    def _same_state(self) -> Iterator[None]:
        """Begin without gradients; afterwards weights and buffers are as before, moving averages too."""
        tensors = [t for network in self.networks.values() for t in (*network.parameters(), *network.buffers())]
        before = [tensor.detach().clone() for tensor in tensors]
        for network in self.networks.values():
            network.zero_grad()
        yield
        with torch.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)

    def gradients(self, within: AbstractContextManager[Any] | None = None) -> Taken:
        """What every network's updates get in a step."""
        self.step(within)
        return {
            name: [[got[w] for w in network.parameters() if w in got] for got in self.taken]
            for name, network in self.networks.items()
        }


def difference_errors(trial: Trial) -> Errors:
    """The errors of the gradients of each network that a float64 step trains, by finite differences."""
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


def errors_against(wanted: Taken, trial: Trial, within: AbstractContextManager[Any] | None = None) -> Errors:
    """How far a step's gradients are from these: of each network the largest of its updates' relative errors."""
    found = trial.gradients(within)
    return {
        name: max(relative_error(*pair) for pair in zip(found[name], updates, strict=True) if pair[1])
        for name, updates in wanted.items()
        if any(updates)
    }


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Within this block new tensors have this type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def small_options(name: str) -> dict[str, Any]:
    """Those of the small settings that a method has, and what stands in for options that need larger images."""
    options = get(name).info.Options
    return {key: value for key, value in SMALL.items() if key in options.model_fields} | options.offline_options(SIDE)


def random_batch(seed: int, count: int, device: torch.device) -> Batch:
    """Uniform noise, `count` images of each domain, the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.rand(2, count, 3, SIDE, SIDE, generator=generator, dtype=torch.float32) * 2 - 1
    return Batch(source=source.to(device), target=target.to(device))
