"""What a process that trains does first: import no more than it needs, and hold on to its memory."""

from __future__ import annotations

import ctypes
import sys

import torch
from torch.optim import SGD, Adam, Optimizer

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Of glibc's malloc.h: how much free memory at the heap's end is given back, and how many blocks are mapped alone."""


def keep_memory() -> None:
    """Have glibc reuse the memory of freed tensors, not give each back: the same numbers, in less time on a CPU.

    A fresh block's pages are cleared by the kernel one by one, for every feature map of every step. Does nothing where
    the C library is another one.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "gnu_get_libc_version"):
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)  # never


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
