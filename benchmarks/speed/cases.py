"""What `python -m benchmarks.speed` measures: methods at speeds, on images of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from enco.config.compute import Capabilities, ComputeConfig, ComputeOptions
from enco.errors import UserError
from enco.methods import available, get
from enco.runtime.capabilities import capabilities
from enco.runtime.memory import keep_memory
from eval.timing.stopwatch import Stopwatch, Variant, offline_options


@dataclass(frozen=True)
class Case:
    """A method at a speed on images of `size` pixels a side; `change` says in which piece it is not the mode's."""

    method: str
    speed: ComputeConfig
    size: int
    batch: int
    change: str = ""

    @property
    def options(self) -> dict[str, Any]:
        """What differs from the method's defaults."""
        return method_options(self.method, self.size, self.batch)

    def pieces(self, device: torch.device) -> ComputeOptions:
        """What its steps on a device make use of."""
        width = self.options.get("ngf", get(self.method).info.Options.model_fields["ngf"].default)
        return self.speed.options_for(capabilities(device, width))

    def stopwatch(self) -> Stopwatch:
        """A stopwatch that is yet to build the method."""
        return Stopwatch(Variant(method=self.method, options=self.options), self.speed)

    def __str__(self) -> str:
        return f"{self.method} {self.speed.mode} {self.change}".rstrip() + f", {self.size} px, batch {self.batch}"


def method_options(method: str, size: int, batch: int) -> dict[str, Any]:
    """Sizes, and what stands in for options that cannot run at this size or need a download."""
    return {"crop_size": size, "load_size": size, "batch_size": batch, **offline_options(method, {}, size)}


def usual_batch(method: str) -> int:
    """Images of each domain in one iteration by default."""
    return get(method).info.Options.model_fields["batch_size"].default


def make_cases(names: Sequence[str], speeds: dict[str, ComputeConfig], size: int, batch: int | None) -> list[Case]:
    """Each method, or all of them for 'all', at each speed; UserError for an unknown one. Batch None is its own."""
    methods = sorted(available()) if list(names) == ["all"] else [get(name).info.name for name in names]
    return [
        Case(method, speed, size, batch or usual_batch(method), change="" if name == speed.mode else name)
        for method in methods
        for name, speed in speeds.items()
    ]


def make_speeds(
    modes: Sequence[str], add: Sequence[str], drop: Sequence[str], can: Capabilities
) -> tuple[dict[str, ComputeConfig], list[str]]:
    """The modes, and `fast` with one piece more or one less; only those that a device can do, and that change it there.

    Also says what is left out, and why.
    """
    wanted = {mode: ComputeConfig(mode=mode) for mode in modes}
    wanted |= {f"with {name}": ComputeConfig(mode="fast", **{name: True}) for name in add}
    wanted |= {f"without {name}": ComputeConfig(mode="fast", **{name: False}) for name in drop}
    kept, notes = {}, []
    for name, speed in wanted.items():
        other = "plain" if name == "fast" else "fast"
        try:
            same = speed.options_for(can) == ComputeConfig(mode=other).options_for(can)
        except UserError as error:
            notes.append(f"{name} is left out: {error}")
            continue
        if same and name != "plain" and (name != "fast" or "plain" in modes):
            notes.append(f"{name} is left out, as it is the same as {other} here. {speed.explain(can)}.")
        else:
            kept[name] = speed
    return kept, notes


def start_process(cases: Sequence[Case], threads: int | None, device: torch.device) -> None:
    """Make this process ready to train these, as `python -m enco.train` does."""
    if threads:
        torch.set_num_threads(threads)
    keep_memory()
