"""Compute a method's training steps plainly or fast."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from enco.config.compute import ComputeConfig
from enco.data.batch import Batch
from enco.methods.base import Method
from enco.runtime.capabilities import capabilities
from enco.runtime.randomness import rng_device
from enco.training.cuda_graphs import GraphedStep, Terms


class TrainStep:
    """A method's steps: `train_step(batch)` is `method.step(batch)`, computed as `compute` says."""

    def __init__(self, method: Method, compute: ComputeConfig | None = None) -> None:
        self.method = method
        self.compute, self.can = compute or ComputeConfig(), capabilities(method.device, method.options.ngf)
        self.options = self.compute.options_for(self.can)
        self.compiled = CompiledNetworks(method.networks.values()) if self.options.compile else None
        self.graphed = GraphedStep(method) if self.options.cuda_graph else None

    @property
    def explanation(self) -> str:
        """One line on how steps are computed, and why; empty where steps are computed as published."""
        return "" if self.compute == ComputeConfig() else self.compute.explain(self.can)

    @property
    def warmup_steps(self) -> int:
        """Number of steps at the beginning of an epoch that take longer than later ones."""
        return self.graphed.WARMUP_STEPS if self.graphed else 0

    def begin_epoch(self, epoch: int) -> None:
        """Enter an epoch (from 1)."""
        self.method.begin_epoch(epoch)
        if self.graphed:
            self.graphed.restart()

    def __call__(self, batch: Batch) -> Terms:
        """Do one optimisation step on images on the method's device, and return each loss term by name, detached."""
        if self.options.channels_last:
            source, target = (
                batch[side].contiguous(memory_format=torch.channels_last) for side in ("source", "target")
            )
            batch = Batch(source=source, target=target)
        with self.computing():
            return self.graphed(batch) if self.graphed else self.method.step(batch)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Set precision, source of random numbers and compiled networks for the block."""
        options, device = self.options, self.method.device
        torch.backends.cudnn.allow_tf32 = options.tf32
        # What is fastest may differ from one process to the next.
        torch.backends.cudnn.benchmark = options.autotune and not torch.are_deterministic_algorithms_enabled()
        with ExitStack() as stack:
            if options.bfloat16:
                # The cache would keep weights that a step has updated since, or cast without gradient.
                stack.enter_context(torch.autocast(device.type, torch.bfloat16, cache_enabled=False))
            if options.device_rng:
                stack.enter_context(rng_device(device))
            if self.compiled:
                stack.enter_context(self.compiled.in_use())
            yield


class CompiledNetworks:
    """The functions that networks name in their `compiled`, compiled at first use.

    Elsewhere, such as for sample images, nothing is compiled: compiling for other sizes would cost more time than
    compiled networks save.
    """

    FORMS = 64
    """Forms of one function that are compiled: for every network of its class, with and without each gradient."""

    def __init__(self, networks: Iterable[nn.Module], **how: Any) -> None:
        """Compile the functions of these networks; `how` goes to torch.compile."""
        modules = [module for network in networks for module in network.modules()]
        self.functions = [
            (module, name, torch.compile(getattr(module, name), dynamic=False, **how))
            for module in modules
            for name in getattr(module, "compiled", ())
        ]

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Compute with the compiled functions within the block."""
        settings = torch._dynamo.config.patch(recompile_limit=self.FORMS)
        # DRIT takes two gradients through one forward pass.
        buffers = torch._functorch.config.patch(donated_buffer=False)
        with settings, buffers:
            for module, name, function in self.functions:
                setattr(module, name, function)
            try:
                yield
            finally:
                for module, name, _ in self.functions:
                    delattr(module, name)
