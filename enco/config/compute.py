"""Choose how a training step is computed: plainly, as the originals do, or fast, with cheaper arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from pydantic import Field, model_validator

from enco.config.base import Settings, parse
from enco.config.yaml import parse_yaml
from enco.errors import UserError

Mode = Literal["plain", "fast"]


@dataclass(frozen=True)
class Capabilities:
    """The abilities of a device: its instructions, and options that do not work or do not pay there, each with why.

    `enco.runtime.capabilities` asks a device. `tf32`: whether float32 convolutions can use TF32.
    """

    device_type: str
    instructions: str
    impossible: Mapping[str, str] = field(default_factory=dict)
    slow: Mapping[str, str] = field(default_factory=dict)
    tf32: bool = False

    def __str__(self) -> str:
        """Name the device for people: 'cpu (AVX2)'."""
        return f"{self.device_type} ({self.instructions})" if self.instructions else self.device_type


@dataclass(frozen=True)
class ComputeOptions:
    """The options of a step on one device; `ComputeConfig` describes each."""

    bfloat16: bool = False
    channels_last: bool = False
    compile: bool = False
    cuda_graph: bool = False
    device_rng: bool = False
    autotune: bool = False
    tf32: bool = True

    @classmethod
    def names(cls) -> list[str]:
        """List the options that are off in a plain step."""
        return [option.name for option in fields(cls) if not option.default]

    def __str__(self) -> str:
        """For people: `float32` and, after it, whatever is not as published."""
        used = [name.replace("_", " ") for name in self.names() if getattr(self, name)]
        return ", ".join((["float32"] if not self.bfloat16 else []) + used + ([] if self.tf32 else ["no TF32"]))


PLAIN = ComputeOptions()
FAST = {
    # Measured in docs/performance.md: on a CPU neither memory format nor compiler pays.
    "cpu": ComputeOptions(bfloat16=True),
    # Chosen by what a GPU is known to wait for; docs/performance.md has what they save together.
    "cuda": ComputeOptions(bfloat16=True, compile=True, cuda_graph=True, device_rng=True, autotune=True),
}
"""The options of `fast` on a device that can do all of them."""


class ComputeConfig(Settings):
    """The mode, and options of `fast` to turn on or off by themselves; null leaves an option as the mode has it."""

    mode: Mode = Field("plain", description="`plain`: float32, as published; `fast`: with cheaper arithmetic.")
    bfloat16: bool | None = Field(
        None, description="Networks compute in bfloat16; weights, norms' statistics, losses and Adam stay in float32."
    )
    channels_last: bool | None = Field(
        None, description="A step's images lie with their channels innermost, as far as layers keep that."
    )
    compile: bool | None = Field(
        None, description="Networks are compiled (torch.compile; needs a C++ compiler, on a GPU also Triton)."
    )
    cuda_graph: bool | None = Field(None, description="A step is recorded once an epoch and replayed (CUDA only).")
    device_rng: bool | None = Field(
        None, description="Positions, noise and pools are drawn on the device, not the CPU: other numbers by one seed."
    )
    autotune: bool | None = Field(None, description="cuDNN tries its algorithms and keeps the fastest (CUDA only).")
    tf32: bool | None = Field(
        None, description="Float32 convolutions use TF32 where the GPU has it: PyTorch's default, in both modes."
    )

    @model_validator(mode="before")
    @classmethod
    def _mode_alone(cls, values: Any) -> Any:
        """Read `fast` as short for `{mode: fast}`."""
        return {"mode": values} if isinstance(values, str) else values

    def options_for(self, can: Capabilities) -> ComputeOptions:
        """Choose the options of a step on a device.

        `fast` leaves out what does not work or does not pay there. An option that is set to true is used although it
        is slow. Raises UserError for an option that cannot work, and for a graph of steps that draw on the CPU.
        """
        asked, wanted = self._asked(), self._wanted(can)
        for name in (name for name, value in asked.items() if value and name in can.impossible):
            raise UserError(
                f"'{name}: true' cannot be on {can}, as {can.impossible[name]}: leave it out of the compute settings."
            )
        if asked.get("cuda_graph") and not asked.get("device_rng", wanted.device_rng):
            raise UserError("A step that draws on the CPU cannot be recorded: set 'device_rng' with 'cuda_graph'.")
        left_out = dict.fromkeys(self._left_out(can), False)
        return ComputeOptions(**asdict(wanted) | left_out | asked | ({} if can.tf32 else {"tf32": True}))

    def explain(self, can: Capabilities) -> str:
        """Say in one line how a step on a device is computed and why; UserError as `options_for` raises it."""
        options, asked, left_out = self.options_for(can), self._asked(), self._left_out(can)
        in_tf32 = ", with convolutions in TF32" if can.tf32 and options.tf32 and not options.bfloat16 else ""
        parts = [f"Speed: {self.mode} on {can} computes in {options}{in_tf32}"]
        for reason in dict.fromkeys(left_out.values()):
            parts.append(f"without {', '.join(name for name in left_out if left_out[name] == reason)}, as {reason}")
        if self.mode == "fast" and options == PLAIN:
            parts.append("so fast is plain here")
        parts += [f"{name} was asked for, but {reason}" for name, reason in can.slow.items() if asked.get(name)]
        return "; ".join(parts)

    def _asked(self) -> dict[str, bool]:
        """Return the options that are turned on or off by themselves."""
        return {name: value for name, value in self.model_dump(exclude={"mode"}).items() if value is not None}

    def _wanted(self, can: Capabilities) -> ComputeOptions:
        """Return the options of the mode, where each works and pays."""
        return FAST.get(can.device_type, FAST["cuda"]) if self.mode == "fast" else PLAIN

    def _left_out(self, can: Capabilities) -> dict[str, str]:
        """Return the options of the mode that a device goes without, each with why; not what was turned on or off."""
        asked, wanted, reasons = self._asked(), self._wanted(can), {**can.slow, **can.impossible}
        if asked.get("device_rng") is False:
            reasons.setdefault("cuda_graph", "a step that draws on the CPU cannot be recorded")
        unset = (name for name in ComputeOptions.names() if getattr(wanted, name) and name not in asked)
        return {name: reasons[name] for name in unset if name in reasons}


def read_compute(text: str) -> ComputeConfig:
    """Read a --compute: a mode's name, or keys of `ComputeConfig` as YAML or JSON; UserError for anything else."""
    return parse(ComputeConfig, parse_yaml(text, "--compute"), "--compute")
