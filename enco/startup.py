"""Start in little more than the time that importing torch takes."""

from __future__ import annotations

import sys

import torch
from torch.optim import SGD, Adam, Optimizer


def skip_compiler() -> None:
    """Keep torch's optimisers from importing its compiler, 4 s a process, which eager training never calls.

    They reach for it only to tell it what not to compile. Does nothing once it is imported, or where torch's wrappers
    are not those of torch 2.5 to 2.15; the arithmetic is the same either way.
    """
    if "torch._dynamo" in sys.modules:
        return
    for method in (Optimizer.add_param_group, Optimizer.zero_grad, Optimizer.state_dict, Optimizer.load_state_dict):
        if plain := getattr(method, "__wrapped__", None):
            plain.__dynamo_disable = plain
    for optimizer in (Adam, SGD):
        if step := getattr(optimizer.step, "__wrapped__", None):
            optimizer.step = torch.no_grad()(step)  # type: ignore[method-assign]
