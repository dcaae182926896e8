"""What `benchmarks/speed.py` measures: methods at speeds, on images of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from enco.methods import available, get
from enco.speed import Speed
from enco.startup import keep_memory, skip_compiler
from eval.stopwatch import Stopwatch, Variant, stand_ins


@dataclass(frozen=True)
class Case:
    """A method at a speed on images of `size` pixels a side; `change` says in which piece it is not the mode's."""

    method: str
    speed: Speed
    size: int
    batch: int
    change: str = ""

    @property
    def options(self) -> dict[str, Any]:
        """What differs from the method's defaults."""
        return method_options(self.method, self.size, self.batch)

    def stopwatch(self) -> Stopwatch:
        """A stopwatch that is yet to build the method."""
        return Stopwatch(Variant(method=self.method, options=self.options), self.speed)

    def __str__(self) -> str:
        return f"{self.method} {self.speed.mode} {self.change}".rstrip() + f", {self.size} px, batch {self.batch}"


def method_options(method: str, size: int, batch: int) -> dict[str, Any]:
    """Sizes, and what stands in for options that cannot run at this size or need a download."""
    return {"crop_size": size, "load_size": size, "batch_size": batch, **stand_ins(method, {}, size)}


def usual_batch(method: str) -> int:
    """Images of each domain in one iteration by default."""
    return get(method).Options.model_fields["batch_size"].default


def make_cases(names: Sequence[str], speeds: dict[str, Speed], size: int, batch: int | None) -> list[Case]:
    """Each method, or all of them for 'all', at each speed; UserError for an unknown one. Batch None is its own."""
    methods = sorted(available()) if list(names) == ["all"] else [get(name).info.name for name in names]
    return [
        Case(method, speed, size, batch or usual_batch(method), change="" if name == speed.mode else name)
        for method in methods
        for name, speed in speeds.items()
    ]


def make_speeds(modes: Sequence[str], add: Sequence[str], drop: Sequence[str], device_type: str) -> dict[str, Speed]:
    """The modes, and `fast` with one piece more or one less; only those that do change it on this kind of device."""
    changed = {f"with {name}": Speed(mode="fast", **{name: True}) for name in add}
    changed |= {f"without {name}": Speed(mode="fast", **{name: False}) for name in drop}
    usual = Speed(mode="fast").pieces(device_type)
    own = {mode: Speed(mode=mode) for mode in modes}
    return own | {name: speed for name, speed in changed.items() if speed.pieces(device_type) != usual}


def start_process(cases: Sequence[Case], threads: int | None, device_type: str = "cpu") -> None:
    """Make this process ready to train these, as `python -m enco.train` does."""
    if threads:
        torch.set_num_threads(threads)
    if not any(case.speed.pieces(device_type).compile for case in cases):
        skip_compiler()
    keep_memory()
