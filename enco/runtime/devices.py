"""Choose a device by the name on a command line; the names need no torch."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

from enco.errors import UserError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")


def named_device(text: str) -> str:
    """Return a device's name; ArgumentTypeError, which argparse prints, for one of several such as `cuda:1`."""
    kind, colon, number = text.partition(":")
    if colon and kind in DEVICES:
        raise ArgumentTypeError(
            f"{text} names one of several: put CUDA_VISIBLE_DEVICES={number or 0} before the command, and give"
            f" --device {kind}"
        )
    return text


def choose_device(name: str) -> torch.device:
    """Return a device by name, for `auto` a GPU if there is one.

    Raises UserError for a device that this machine lacks, or that PyTorch cannot use.
    """
    import torch

    from enco.runtime.capabilities import refuse_unsupported_gpu

    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, present in has.items() if present)
    if not has[name]:
        present = ", ".join(kind for kind in has if has[kind])
        raise UserError(f"This machine has no {name} device for --device: choose one of {present}.")
    device = torch.device(name)
    if device.type == "cuda":
        refuse_unsupported_gpu(device)
    return device
