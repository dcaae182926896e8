"""The names of devices on a command line."""

from __future__ import annotations

from argparse import ArgumentTypeError

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
