"""Methods small enough to train in a test, and images for them."""

from __future__ import annotations

from typing import Any

import torch

from enco.methods import Batch, Method, create, get
from enco.schedule import Schedule

SIZE = 32
TINY = {
    "ngf": 4,
    "ndf": 4,
    "crop_size": SIZE,
    "load_size": SIZE,
    "patches": 16,
    "head_width": 16,
    "pool_size": 2,
}


def tiny_options(name: str) -> dict[str, Any]:
    """Those of the tiny settings that this method has."""
    return {key: value for key, value in TINY.items() if key in get(name).Options.model_fields}


def tiny_method(name: str, seed: int = 0, **options: Any) -> Method:
    """A method with one constant and one decaying epoch, on one thread, ready for its first step."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    method = create(name, schedule=Schedule(n_const=1, n_decay=1), **(tiny_options(name) | options))
    method.begin_epoch(1)
    return method


def images(seed: int, batch_size: int = 1, size: int = SIZE) -> Batch:
    """Uniform noise, the same for the same seed whatever torch's global state is."""
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.rand(2, batch_size, 3, size, size, generator=generator) * 2 - 1
    return {"source": source, "target": target}
