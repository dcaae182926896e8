"""Measure the pieces of a training step: forward, backward, optimisers, and what brings the images.

    python -m benchmarks.gpu.pieces --output FILE.csv

The device is waited for before and after each piece, so that they sum up to more than `step_ms`, an undivided step.
`data_ms` is CPU time for the images of a step, and `copy_ms` the time of their way to the device.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from benchmarks.gpu.command import arguments, write_lines
from benchmarks.speed.cases import Case, start_process
from enco.config.compute import ComputeConfig
from enco.data.batch import Batch
from enco.errors import UserError, run_cli
from enco.runtime.devices import choose_device
from enco.training.train_step import TrainStep
from eval.timing.stopwatch import synchronise, time_step

METHODS = ("enco", "cyclegan")
MODES = {"plain": ComputeConfig(), "fast": ComputeConfig(mode="fast", compile=False, cuda_graph=False)}
"""Of `fast` what leaves a step in pieces."""
COLUMNS = ("method", "mode", "computed", "forward_ms", "backward_ms", "optimizer_ms", "step_ms", "data_ms", "copy_ms")
STEPS = 10


@dataclass
class Pieces:
    """Seconds of a step's backward passes and optimisers so far."""

    device: torch.device
    seconds: dict[str, float] = field(default_factory=lambda: {"backward": 0.0, "optimizer": 0.0})

    def now(self) -> float:
        """Return the time once the device has done its work."""
        synchronise(self.device)
        return time.perf_counter()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what is done within the block."""
        backward, begun = Tensor.backward, [0.0]

        def timed(tensor: Tensor, *args: object, **how: object) -> None:
            begin = self.now()
            backward(tensor, *args, **how)
            self.seconds["backward"] += self.now() - begin

        def before(*_: object) -> None:
            begun[0] = self.now()

        def after(*_: object) -> None:
            self.seconds["optimizer"] += self.now() - begun[0]

        hooks = register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)
        try:
            with patch.object(Tensor, "backward", timed):
                yield
        finally:
            for hook in hooks:
                hook.remove()  # type: ignore[no-untyped-call]


def step_pieces(train_step: TrainStep, batch: Batch) -> dict[str, float]:
    """Return the milliseconds of the pieces of a step, medians of some."""
    found = []
    for _ in range(STEPS):
        pieces = Pieces(train_step.method.device)
        with pieces.counted():
            whole = time_step(train_step, batch)
        found.append(pieces.seconds | {"forward": whole - sum(pieces.seconds.values())})
    medians = {f"{name}_ms": _median_ms([steps[name] for steps in found]) for name in ("forward", *pieces.seconds)}
    return medians | {"step_ms": _median_ms([time_step(train_step, batch) for _ in range(STEPS)])}


def data_pieces(train_step: TrainStep, batch: Batch) -> dict[str, float]:
    """Return the milliseconds of preparing a step's images, if NumPy and Pillow are there, and of copying them."""
    device = train_step.method.device

    def copy() -> None:
        for side in ("source", "target"):
            batch[side].to(device)
        synchronise(device)

    found = {"copy_ms": _median_ms([_seconds(copy) for _ in range(STEPS)])}
    try:
        from benchmarks.photos import write_photos
        from enco.data.unpaired import UnpairedImages
    except ImportError:
        return found
    method = train_step.method
    with TemporaryDirectory() as folder:
        root, options = Path(folder) / "photos", method.options
        write_photos(root, max(64, options.load_size), 25_000, count=5)
        images = UnpairedImages(root, "AtoB", options, n_const=1, seed=0, cache_mb=0)
        times = [_seconds(partial(images.get, item), time.process_time) for item in range(STEPS)]
    return found | {"data_ms": method.images_per_step * _median_ms(times)}


def measure(name: str, mode: str, size: int, tiny: bool, device: torch.device) -> dict[str, object]:
    """Return a line of one method in one mode; UserError where the method cannot be built or trained."""
    case = Case(name, MODES[mode], size, 1, tiny=tiny)
    watch = case.stopwatch()
    watch.build(size, 1, device)
    watch.begin("first_half", 3)
    if watch.error or not watch.train_step or not watch.batch:
        raise UserError(f"{case} cannot be measured: {watch.error}.")
    about: dict[str, object] = {"method": name, "mode": mode, "computed": str(watch.train_step.options)}
    return about | step_pieces(watch.train_step, watch.batch) | data_pieces(watch.train_step, watch.batch)


def main() -> None:
    """Measure each method in each mode, and write the file anew after each."""
    args = arguments("benchmarks.gpu.pieces", __doc__)
    device, lines = choose_device(args.device), list[dict[str, object]]()
    start_process(None)
    for name in METHODS:
        for mode in MODES:
            lines.append(measure(name, mode, args.side, args.tiny, device))
            write_lines(args.output, COLUMNS, lines)


def _seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    begin = clock()
    work()
    return clock() - begin


def _median_ms(seconds: list[float]) -> float:
    return round(1000 * statistics.median(seconds), 3)


if __name__ == "__main__":
    run_cli(main)
