"""Files as methods' authors publish their generators, with random weights at a small width."""

from __future__ import annotations

import io
from collections.abc import Mapping

import torch
from torch import Tensor

WIDTH = 8
BLOCKS = 9
DOWN, UP = torch.tensor([1.0, 2.0, 1.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])
"""Taps of the filters that blur; a filter is their outer product over 16."""


def antialiased(seed: int, width: int = WIDTH) -> bytes:
    """A generator of CUT's code: blurred down and up, with the filters as buffers."""
    shapes = {
        "model.1": (width, 3, 7),
        "model.4": (2 * width, width, 3),
        "model.8": (4 * width, 2 * width, 3),
        **_blocks(12, 4 * width),
        "model.22": (2 * width, 4 * width, 3),
        "model.26": (width, 2 * width, 3),
        "model.30": (3, width, 7),
    }
    state = _convolutions(shapes, seed)
    for at, channels, taps in ((7, 2, DOWN), (11, 4, DOWN), (21, 4, UP), (25, 2, UP)):
        state[f"model.{at}.filt"] = (torch.outer(taps, taps) / 16).repeat(channels * width, 1, 1, 1)
    return saved(state)


def strided(seed: int, width: int = WIDTH) -> bytes:
    """A generator of CycleGAN's code: strided down, transposed up."""
    shapes = {
        "model.1": (width, 3, 7),
        "model.4": (2 * width, width, 3),
        "model.7": (4 * width, 2 * width, 3),
        **_blocks(10, 4 * width),
        "model.26": (3, width, 7),
    }
    state = _convolutions(shapes, seed)
    for at, channels in ((19, 4 * width), (22, 2 * width)):
        state[f"model.{at}.weight"] = torch.randn(channels, channels // 2, 3, 3) * 0.02
        state[f"model.{at}.bias"] = torch.zeros(channels // 2)
    return saved(state)


def _blocks(first: int, channels: int) -> dict[str, tuple[int, int, int]]:
    names = [f"model.{first + block}.conv_block.{at}" for block in range(BLOCKS) for at in (1, 5)]
    return dict.fromkeys(names, (channels, channels, 3))


def _convolutions(shapes: Mapping[str, tuple[int, int, int]], seed: int) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    state: dict[str, Tensor] = {}
    for name, (out, into, side) in shapes.items():
        state[f"{name}.weight"] = torch.randn(out, into, side, side) * 0.02
        state[f"{name}.bias"] = torch.zeros(out)
    return state


def saved(content: object) -> bytes:
    """Return what `torch.save` writes."""
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()
