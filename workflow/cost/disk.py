"""Count the bytes that trainings and their evaluations leave on disk. No file is touched.

Weights, optimisers, image pools and features are counted, tensor by tensor; the header of a file adds under a percent.
Pictures count as if PNG compressed nothing, so they are an upper bound: photographs take about half.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

from enco.config.run import RunConfig
from enco.methods import on_paper
from enco.methods.base import Method
from enco.methods.parts.generator_file import kept_networks
from enco.training import samples
from enco.training.checkpoint import CHECKPOINTS_KEPT
from eval.records import Selection

Bytes = Counter[str]
"""Bytes by what they are for."""

MOMENTS = 2
"""Tensors that Adam keeps for each one that it trains."""
FLOAT_BYTES = 4
"""Bytes of a number in float32."""
FEATURE_BYTES = 2048 * FLOAT_BYTES
"""Bytes of one image's features: Inception's, in float32."""
LINE_BYTES = 350
"""Bytes of a line of metrics.jsonl: measured over the demo's trainings of CUT, CycleGAN and EnCo."""
MIRRORED_LINE_BYTES = 2200
"""Bytes of a line in MLflow's sqlite database, nine values on average: measured over the same trainings."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of one method's files."""

    checkpoint: int
    generator: int
    sample: int
    picture: int


def training_bytes(config: RunConfig, iterations: int) -> Bytes:
    """Return what a finished training has left: while one runs, there is a third checkpoint for moments."""
    sizes, every = sizes_of(config), config.train
    pictures = math.ceil(iterations / every.sample_every) * sizes.sample
    lines = math.ceil(iterations / every.log_every)
    snapshots = (every.n_const + every.n_decay) // every.snapshot_epochs if every.snapshot_epochs else 0
    mirrored = pictures + lines * MIRRORED_LINE_BYTES if every.tracking != "off" else 0
    return Counter(
        {
            "checkpoints": CHECKPOINTS_KEPT * sizes.checkpoint,
            "generators": (1 + snapshots) * sizes.generator,
            "samples": pictures,
            "metrics": lines * LINE_BYTES,
            "MLflow": mirrored,
        }
    )


def evaluation_bytes(config: RunConfig, images: int, selection: Selection) -> Bytes:
    """Return what translating and scoring test images leaves, and the selected generator where there is one."""
    sizes = sizes_of(config)
    return Counter(
        {
            "translated": images * sizes.picture,
            "features": images * FEATURE_BYTES,
            "generators": sizes.generator if selection == "best" else 0,
        }
    )


def sizes_of(config: RunConfig) -> Sizes:
    """Return the sizes of a run's files."""
    return _sizes(config.method, json.dumps(config.options, sort_keys=True))


@cache
def _sizes(name: str, options: str) -> Sizes:
    method = on_paper(name, json.loads(options))
    networks = {key: _bytes(network.state_dict()) for key, network in method.networks.items()}
    picture = 3 * method.options.test_side**2
    rows = 4 if method.two_sided else 2
    return Sizes(
        checkpoint=sum(networks.values()) + MOMENTS * FLOAT_BYTES * method.parameter_count() + _pool_bytes(method),
        generator=sum(networks[key] for key in kept_networks(method)),
        sample=rows * samples.COLUMNS * picture,
        picture=picture,
    )


def _bytes(tensors: dict[str, Any]) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())


def _pool_bytes(method: Method) -> int:
    """Return the bytes of image pools once they are full, of float32 crops."""
    return sum(pool.size for pool in method.pools.values()) * 3 * method.options.crop_size**2 * FLOAT_BYTES
