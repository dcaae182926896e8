"""Floating-point operations of a training step, counted from the shapes of tensors without computing anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from enco.methods import create, get
from enco.runtime.randomness import rng_device
from eval.timing.stopwatch import HALVES, SCHEDULE, random_batch

META = torch.device("meta")


class FlopCounter(TorchDispatchMode):
    """Floating-point operations by torch's formulas for convolutions and matrix products.

    Like torch's FlopCounterMode without the account by module, which cannot follow heads called without gradient.
    """

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if formula := flop_registry.get(func.overloadpacket):
            self.total += formula(*args, **(kwargs or {}), out_val=result)
        return result


def step_flops(name: str, options: Mapping[str, Any], half: str = "first_half") -> int:
    """Count one step of a method, forward and backward, for each translated image; a multiply-add is two.

    The step runs on torch's meta device, where tensors have shapes and no values.
    """
    options = unmeasured(name, options)
    with META, rng_device(META):
        method = create(name, schedule=SCHEDULE, device=META, **options)
        method.begin_epoch(HALVES[half])
        for optimizer in method.optimizers.values():
            optimizer.step = _no_update  # type: ignore[assignment]
        batch = random_batch(method.options.crop_size, method.images_per_step)
        with FlopCounter() as counter:
            method.step({"source": batch["source"].to(META), "target": batch["target"].to(META)})
    return counter.total // method.images_per_iteration


def _no_update(*_: object) -> None:
    """Leave weights alone: Adam has neither convolutions nor products, and torch 2.11's reads its count of steps."""


def unmeasured(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a method's options without normalisation by statistics of images, which need values and cost no FLOP."""
    return {**options, **({"normalize": False} if "normalize" in get(name).info.Options.model_fields else {})}
