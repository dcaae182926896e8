"""Do a method's training steps at a chosen speed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from enco.graphs import GraphedStep, Terms
from enco.methods.base import Batch, Method
from enco.randomness import draws_on
from enco.speed import Speed

RECOMPILATIONS = 64
"""Forms of one function that are compiled: for every network of its class, with and without each gradient."""


class Stepper:
    """A method's steps: `stepper(batch)` is `method.step(batch)`, computed as `speed` says."""

    def __init__(self, method: Method, speed: Speed | None = None) -> None:
        self.method = method
        self.pieces = (speed or Speed()).pieces(method.device.type)
        if self.pieces.compile:
            compile_networks(method.networks.values())
        self.graphed = GraphedStep(method.step, method.device) if self.pieces.cuda_graph else None

    @property
    def settling(self) -> int:
        """Steps of an epoch that take longer than those after them."""
        return self.graphed.SETTLING if self.graphed else 0

    def begin_epoch(self, epoch: int) -> None:
        """Enter an epoch (from 1)."""
        self.method.begin_epoch(epoch)
        if self.graphed:
            self.graphed.restart()

    def __call__(self, batch: Batch) -> Terms:
        """One optimisation step on images that are on the method's device; every loss term by name, detached."""
        if self.pieces.channels_last:
            batch = Batch(source=channels_last(batch["source"]), target=channels_last(batch["target"]))
        with self.computing():
            if self.graphed:
                self._let_adam_be_recorded()
                return self.graphed(batch)
            return self.method.step(batch)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Precision, source of random numbers and compiled networks for what is computed in here."""
        pieces, device = self.pieces, self.method.device
        torch.backends.cudnn.allow_tf32 = pieces.tf32
        torch.backends.cudnn.benchmark = pieces.autotune
        with ExitStack() as stack:
            if pieces.bfloat16:
                # Without its cache, as that keeps weights that a step has updated since, or that were cast without
                # gradient.
                stack.enter_context(torch.autocast(device.type, torch.bfloat16, cache_enabled=False))
            if pieces.device_draws:
                stack.enter_context(draws_on(device))
            if pieces.compile:
                stack.enter_context(torch.compiler.set_stance("default"))
            yield

    def _let_adam_be_recorded(self) -> None:
        """Its count of steps is on the device already, being fused; loading a state takes this flag back."""
        for optimizer in self.method.optimizers.values():
            for group in optimizer.param_groups:
                group["capturable"] = True


def compile_networks(networks: Iterable[nn.Module]) -> None:
    """Compile, at first use, the functions that networks name in their `compiled`; only steps use the result."""
    torch._dynamo.config.recompile_limit = RECOMPILATIONS
    for network in networks:
        for module in network.modules():
            for name in getattr(module, "compiled", ()):
                setattr(module, name, torch.compile(getattr(module, name), dynamic=False))
    # Outside of steps, such as for sample images, compiling again for other sizes would take longer than it saves.
    torch.compiler.set_stance("force_eager")


def channels_last(images: Tensor) -> Tensor:
    """B x C x H x W images whose channels lie innermost in memory."""
    return images.contiguous(memory_format=torch.channels_last)
