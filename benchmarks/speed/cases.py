"""The cases that `python -m benchmarks.speed` measures: methods under compute settings, on images of one size."""

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
from enco.selftest.tiny import tiny_options
from eval.timing.stopwatch import Stopwatch, Variant, offline_options


@dataclass(frozen=True)
class Case:
    """A method under compute settings, on images of `size` pixels a side."""

    method: str
    compute: ComputeConfig
    size: int
    batch: int
    change: str = ""
    """In which piece the settings differ from the mode's."""
    tiny: bool = False
    """Whether networks are as small as can be, to try the benchmark itself."""

    @property
    def options(self) -> dict[str, Any]:
        """The options that differ from the method's defaults."""
        usual = method_options(self.method, self.size, self.batch)
        return {**tiny_options(self.method), **usual} if self.tiny else usual

    def compute_options(self, device: torch.device) -> ComputeOptions:
        """Return how steps are computed on a device."""
        width = self.options.get("ngf", get(self.method).info.Options.model_fields["ngf"].default)
        return self.compute.options_for(capabilities(device, width))

    def stopwatch(self) -> Stopwatch:
        """Return a stopwatch that is yet to build the method."""
        return Stopwatch(Variant(method=self.method, options=self.options), self.compute)

    def __str__(self) -> str:
        return f"{self.method} {self.compute.mode} {self.change}".rstrip() + f", {self.size} px, batch {self.batch}"


def method_options(method: str, size: int, batch: int) -> dict[str, Any]:
    """Return the sizes, and stand-ins for options that cannot run at this size or need a download."""
    return {"crop_size": size, "load_size": size, "batch_size": batch, **offline_options(method, {}, size)}


def usual_batch(method: str) -> int:
    """Return the images of each domain in one iteration by default."""
    return get(method).info.Options.model_fields["batch_size"].default


def method_names(names: Sequence[str]) -> list[str]:
    """Return the methods of these names, all for 'all'; UserError for an unknown one."""
    return sorted(available()) if list(names) == ["all"] else [get(name).info.name for name in names]


def make_cases(
    methods: Sequence[str], configs: dict[str, ComputeConfig], size: int, batch: int | None, tiny: bool = False
) -> list[Case]:
    """Make a case of each method and config; batch None is the method's own."""
    return [
        Case(method, config, size, batch or usual_batch(method), "" if name == config.mode else name, tiny)
        for method in methods
        for name, config in configs.items()
    ]


def make_configs(
    modes: Sequence[str], add: Sequence[str], drop: Sequence[str], can: Capabilities
) -> tuple[dict[str, ComputeConfig], list[str]]:
    """Return the modes, and `fast` with one piece more or less, as far as a device can do and tell them apart.

    The second result is a sentence for each config that is left out.
    """
    wanted = {mode: ComputeConfig(mode=mode) for mode in modes}
    wanted |= {f"with {name}": ComputeConfig(mode="fast", **{name: True}) for name in add}
    wanted |= {f"without {name}": ComputeConfig(mode="fast", **{name: False}) for name in drop}
    kept, notes = {}, []
    for name, config in wanted.items():
        other = "plain" if name == "fast" else "fast"
        try:
            same = config.options_for(can) == ComputeConfig(mode=other).options_for(can)
        except UserError as error:
            notes.append(f"{name} is left out: {error}")
            continue
        if same and name != "plain" and other in modes:
            notes.append(f"{name} is left out, as it is the same as {other} here. {config.explain(can)}.")
        else:
            kept[name] = config
    return kept, notes


def start_process(threads: int | None) -> None:
    """Make this process ready to train, as `python -m enco.train` does."""
    if threads:
        torch.set_num_threads(threads)
    keep_memory()
