"""Methods small enough to train in a test, and images for them."""

from __future__ import annotations

from typing import Any

import torch

from enco.data.batch import Batch
from enco.methods import create
from enco.methods.base import Method
from enco.methods.parts.schedule import Schedule
from enco.selftest.tiny import SIZE as SIZE
from enco.selftest.tiny import TINY as TINY
from enco.selftest.tiny import tiny_options as tiny_options


def tiny_method(name: str, seed: int = 0, **options: Any) -> Method:
    """Make a method with one constant and one decaying epoch, on one thread, ready for its first step."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    method = create(name, schedule=Schedule(n_const=1, n_decay=1), **(tiny_options(name) | options))
    method.calibrate(batch_for(method, step) for step in range(100, 104))
    method.begin_epoch(1)
    return method


def batch_for(method: Method, seed: int) -> Batch:
    """Make as many images as one step of this method takes."""
    return images(seed, method.images_per_step, method.options.crop_size)


def images(seed: int, batch_size: int = 1, size: int = SIZE) -> Batch:
    """Make uniform noise, the same for the same seed whatever torch's global state is."""
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.rand(2, batch_size, 3, size, size, generator=generator) * 2 - 1
    return {"source": source, "target": target}
