"""The device of a measurement: name, and the highest measured rate of arithmetic."""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import torch
import torch.nn.functional as F

from enco.runtime.capabilities import capabilities

SIDES = {"cpu": 2048, "cuda": 8192}
"""Sides of the square matrices that are multiplied to find a device's peak."""
CHANNELS, MAP = 256, {"cpu": 64, "cuda": 256}
"""Sizes of the 3 x 3 convolution, larger than those of a generator's residual blocks, that is tried as well."""
SECONDS = 1.0
"""How long the best time of either is sought."""


def device_label(device: torch.device) -> str:
    """Return the model of the GPU or of the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()


def _processor() -> str:
    """Return the processor's model where Linux gives one, else the architecture."""
    info = Path("/proc/cpuinfo")
    named = re.search(r"^model name\s*:\s*(.+)$", info.read_text("utf-8"), re.MULTILINE) if info.exists() else None
    return named[1].strip() if named else platform.machine()


def file_name(subject: str, device: torch.device) -> str:
    """Return a file's name, such as 'speed-amd-epyc-avx512-bf16-2-threads-torch2.15.csv'."""
    torch_version = ".".join(torch.__version__.split(".")[:2])
    threads = "" if device.type == "cuda" else f"-{torch.get_num_threads()}-threads"
    cuda = f"-cuda{torch.version.cuda}" if device.type == "cuda" else ""
    instructions = "" if device.type == "cuda" else capabilities(device).instructions
    label = f"{device_label(device)} {instructions}"
    return f"{subject}-{re.sub(r'[^a-z0-9]+', '-', label.lower()).strip('-')}{threads}-torch{torch_version}{cuda}.csv"


@cache
def peak_flop_per_s(device: torch.device, bfloat16: bool, tf32: bool) -> float:
    """Measure the best rate of a large matrix product or convolution, in the precision of a step's convolutions.

    Neither is faster everywhere: Intel's MKL multiplies float32 at half speed on other processors.
    """
    torch.backends.cudnn.allow_tf32 = tf32
    random = partial(torch.randn, device=device, dtype=torch.bfloat16 if bfloat16 else torch.float32)
    side, size = SIDES.get(device.type, SIDES["cpu"]), MAP.get(device.type, MAP["cpu"])
    one, other = random(side, side), random(side, side)
    images, weight = random(1, CHANNELS, size, size), random(CHANNELS, CHANNELS, 3, 3)
    with _products_in_tf32(tf32):
        product = 2 * side**3 / _best_seconds(lambda: torch.mm(one, other), device)
    convolution = 2 * 9 * (CHANNELS * size) ** 2 / _best_seconds(lambda: F.conv2d(images, weight, padding=1), device)
    return max(product, convolution)


@contextmanager
def _products_in_tf32(wanted: bool) -> Iterator[None]:
    """Multiply in TF32 or not within the block, and leave the settings as found, as one never made differs from off."""
    settings = torch.backends.cuda.matmul
    # From torch 2.9 on, and part of the keys of the compiler's cache.
    before = getattr(settings, "fp32_precision", None)
    settings.allow_tf32 = wanted
    try:
        yield
    finally:
        settings.allow_tf32 = False
        if before is not None:
            settings.fp32_precision = before


def _best_seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return the least seconds of some work, repeated for `SECONDS` after a first time."""
    synchronize = getattr(torch, device.type).synchronize
    work()
    best, end = float("inf"), time.perf_counter() + SECONDS
    while best == float("inf") or time.perf_counter() < end:
        synchronize()
        begin = time.perf_counter()
        work()
        synchronize()
        best = min(best, time.perf_counter() - begin)
    return best
