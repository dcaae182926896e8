"""How a training step is computed: plainly, as the originals do, or fast, in the same step with cheaper arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from pydantic import Field, model_validator

from enco.config.base import Settings
from enco.errors import UserError

Mode = Literal["plain", "fast"]


@dataclass(frozen=True)
class Capabilities:
    """What a device can do: its instruction set, and the pieces that do not work or do not pay there, each with why.

    `enco.runtime.capabilities` asks a device for it. `tf32`: whether float32 convolutions can use TF32.
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
    """What a step on one device makes use of; `ComputeConfig` says what each is."""

    bfloat16: bool = False
    channels_last: bool = False
    compile: bool = False
    cuda_graph: bool = False
    device_rng: bool = False
    autotune: bool = False
    tf32: bool = True

    @classmethod
    def names(cls) -> list[str]:
        """List the pieces that are off in a plain step."""
        return [piece.name for piece in fields(cls) if not piece.default]

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
"""What `fast` makes use of on a device that can do all of it."""


class ComputeConfig(Settings):
    """The mode, and pieces of `fast` to turn on or off by themselves; null leaves a piece as the mode has it."""

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
        """`fast` is short for `{mode: fast}`."""
        return {"mode": values} if isinstance(values, str) else values

    def pieces(self, can: Capabilities) -> ComputeOptions:
        """Choose what a step on such a device makes use of.

        `fast` leaves out what does not work or does not pay there. A piece that is set to true is used although it is
        slow. Raises UserError for one that cannot work, and for a graph of steps that draw on the CPU.
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
        """Say in one line what a step on such a device makes use of and why; UserError as `pieces` raises it."""
        pieces, asked, left_out = self.pieces(can), self._asked(), self._left_out(can)
        parts = [f"Speed: {self.mode} on {can} computes in {pieces}"]
        for reason in dict.fromkeys(left_out.values()):
            parts.append(f"without {', '.join(name for name in left_out if left_out[name] == reason)}, as {reason}")
        if self.mode == "fast" and pieces == PLAIN:
            parts.append("so fast is plain here")
        parts += [f"{name} was asked for, but {reason}" for name, reason in can.slow.items() if asked.get(name)]
        return "; ".join(parts)

    def _asked(self) -> dict[str, bool]:
        """The pieces that are turned on or off by themselves."""
        return {name: value for name, value in self.model_dump(exclude={"mode"}).items() if value is not None}

    def _wanted(self, can: Capabilities) -> ComputeOptions:
        """What the mode makes use of where it works and pays."""
        return FAST.get(can.device_type, FAST["cuda"]) if self.mode == "fast" else PLAIN

    def _left_out(self, can: Capabilities) -> dict[str, str]:
        """Those of them that a device goes without, each with why; not what was turned on or off."""
        asked, wanted, reasons = self._asked(), self._wanted(can), {**can.slow, **can.impossible}
        if asked.get("device_rng") is False:
            reasons.setdefault("cuda_graph", "a step that draws on the CPU cannot be recorded")
        unset = (name for name in ComputeOptions.names() if getattr(wanted, name) and name not in asked)
        return {name: reasons[name] for name in unset if name in reasons}
