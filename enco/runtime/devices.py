"""Choose a device by the name on a command line; the names need no torch."""

from __future__ import annotations

import os
import platform
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from enco.config.bounds import THREADS
from enco.errors import UserError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
VISIBLE, OF_SLURM = "CUDA_VISIBLE_DEVICES", ("SLURM_JOB_GPUS", "SLURM_GPUS_ON_NODE")
"""Variables that name the GPUs of a process, and those by which SLURM tells a job of its GPUs."""
HIDDEN = ("", "-1", "NoDevFiles")
"""Values of these variables where there is no GPU for the process; the last one is SLURM's."""


def named_device(text: str) -> str:
    """Return a device's name; ArgumentTypeError, which argparse prints, for one of several such as `cuda:1`."""
    kind, colon, number = text.partition(":")
    if colon and kind in DEVICES:
        raise ArgumentTypeError(
            f"{text} names one of several: put CUDA_VISIBLE_DEVICES={number or 0} before the command, and give"
            f" --device {kind}"
        )
    return text


def add_device(command: ArgumentParser) -> None:
    """Add --device and --threads to a command."""
    command.add_argument("--device", type=named_device, choices=DEVICES, default="auto")
    command.add_argument("--threads", type=THREADS, help="CPU threads of torch")


def use_device(args: Namespace) -> torch.device:
    """Return the device that the arguments of `add_device` name, with torch's threads and memory set up for work."""
    import torch

    from enco.runtime.memory import keep_memory

    keep_memory()
    if args.threads:
        torch.set_num_threads(args.threads)
    return choose_device(args.device)


def choose_device(name: str) -> torch.device:
    """Return a device by name such as `cuda` or `cuda:1`, for `auto` a GPU if there is one.

    Raises UserError for a device that this machine lacks, or that PyTorch cannot use, and for `auto` where the process
    was given a GPU that PyTorch does not see.
    """
    import torch

    from enco.runtime.capabilities import refuse_unsupported_gpu

    has: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    if name == "auto":
        name = next(kind for kind, is_present in has.items() if is_present())
        if name == "cpu":
            _refuse_lost_gpu()
    kind = name.partition(":")[0]
    if kind not in has or not has[kind]():
        present = ", ".join(kind for kind, is_present in has.items() if is_present())
        raise UserError(f"This machine has no {name} device: choose one of {present}.")
    device = torch.device(name)
    if device.type == "cuda":
        refuse_unsupported_gpu(device)
    return device


def given_gpu() -> str:
    """Return the variable by which this process was given a GPU, with its value; empty where none was given.

    CUDA_VISIBLE_DEVICES has the last word: an empty one hides the GPUs of a job.
    """
    names = (VISIBLE,) if VISIBLE in os.environ else OF_SLURM
    values = ((name, os.environ.get(name, "").strip()) for name in names)
    return next((f"{name}={value}" for name, value in values if value not in HIDDEN), "")


def _refuse_lost_gpu() -> None:
    """Raise UserError where this process was given a GPU: on the CPU, a training would take weeks."""
    import torch

    if given := given_gpu():
        built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
        raise UserError(
            f"A GPU was given ({given}) that PyTorch {torch.__version__}, built for {built}, does not see on"
            f" {platform.node()}: give no more GPUs than there are, update the NVIDIA driver or install a PyTorch that"
            " suits it, or compute on the CPU by --device cpu, in a profile by `gpu: 0`."
        )


def as_device(device: str | torch.device) -> torch.device:
    """Return a device that is given, or chosen by name; UserError for a name of a device that this machine lacks."""
    import torch

    return torch.device(device) if isinstance(device, torch.device) or device == "meta" else choose_device(device)
