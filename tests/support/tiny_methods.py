"""Methods small enough to train in a test, and images for them."""

from __future__ import annotations

from typing import Any

import torch

from enco.data.batch import Batch
from enco.methods import create, get
from enco.methods.base import Method
from enco.methods.parts.schedule import Schedule

SIZE = 32
TINY: dict[str, Any] = {
    "ngf": 4,
    "ndf": 4,
    "crop_size": SIZE,
    "load_size": SIZE,
    "patches": 16,
    "head_width": 16,
    "pool_size": 2,
}
SMALLEST: dict[str, dict[str, Any]] = {
    "drit": {"n_scales": 2, "content_d_layers": 0},
    "munit": {"n_scales": 2, "mlp_width": 16},
    "fsesim": {"vgg": "random", "vgg_width": 0.0625},
}
"""What single methods need besides, to be small."""


def tiny_options(name: str) -> dict[str, Any]:
    """Those of the tiny settings that this method has, and its own."""
    common = {key: value for key, value in TINY.items() if key in get(name).info.Options.model_fields}
    return common | SMALLEST.get(name, {})


def tiny_method(name: str, seed: int = 0, **options: Any) -> Method:
    """A method with one constant and one decaying epoch, on one thread, ready for its first step."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    method = create(name, schedule=Schedule(n_const=1, n_decay=1), **(tiny_options(name) | options))
    method.calibrate(batch_for(method, step) for step in range(100, 104))
    method.begin_epoch(1)
    return method


def batch_for(method: Method, seed: int) -> Batch:
    """As many images as one step of this method takes."""
    return images(seed, method.images_per_step, method.options.crop_size)


def images(seed: int, batch_size: int = 1, size: int = SIZE) -> Batch:
    """Uniform noise, the same for the same seed whatever torch's global state is."""
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.rand(2, batch_size, 3, size, size, generator=generator) * 2 - 1
    return {"source": source, "target": target}
