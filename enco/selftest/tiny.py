"""Options of methods that are as small as can be, and noise to train them on."""

from __future__ import annotations

from typing import Any

import torch

from enco.data.batch import Batch
from enco.methods import info

SIZE = 32
"""Side of the images, in pixels."""
TINY: dict[str, Any] = {
    "ngf": 4,
    "ndf": 4,
    "crop_size": SIZE,
    "load_size": SIZE,
    "patches": 16,
    "head_width": 16,
    "mlp_width": 16,
    "vgg_width": 0.0625,
    "pool_size": 2,
}


def tiny_options(name: str) -> dict[str, Any]:
    """Return the tiny settings that a method has, and the options that images of this size need."""
    options = info(name).Options
    return {key: value for key, value in TINY.items() if key in options.model_fields} | options.offline_options(SIZE)


def random_batch(seed: int, count: int, device: torch.device) -> Batch:
    """Make uniform noise, `count` images of each domain, the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.rand(2, count, 3, SIZE, SIZE, generator=generator, dtype=torch.float32) * 2 - 1
    return Batch(source=source.to(device), target=target.to(device))
