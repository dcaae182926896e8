"""How a training step is computed: plainly, as the originals do, or fast, in the same step with cheaper arithmetic."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from enco.errors import UserError
from enco.settings import Settings

Mode = Literal["plain", "fast"]


@dataclass(frozen=True)
class Pieces:
    """What a step on one kind of device makes use of; `Speed` says what each is."""

    bfloat16: bool = False
    channels_last: bool = False
    compile: bool = False
    cuda_graph: bool = False
    device_draws: bool = False
    autotune: bool = False
    tf32: bool = True

    def __str__(self) -> str:
        """For people: `float32` and, after it, whatever is not as published."""
        used = [name.replace("_", " ") for name, value in asdict(self).items() if value and name != "tf32"]
        return ", ".join((["float32"] if not self.bfloat16 else []) + used + ([] if self.tf32 else ["no TF32"]))


PLAIN = Pieces()
FAST = {
    # Measured in docs/performance.md: on a CPU neither memory format nor compiler pays.
    "cpu": Pieces(bfloat16=True),
    # Chosen by what a GPU is known to wait for, and not yet measured on one.
    "cuda": Pieces(bfloat16=True, compile=True, cuda_graph=True, device_draws=True, autotune=True),
}


class Speed(Settings):
    """The mode, and pieces of `fast` to turn on or off by themselves; null leaves a piece as the mode has it."""

    mode: Mode = Field("plain", description="`plain`: float32, as published; `fast`: with cheaper arithmetic.")
    bfloat16: bool | None = Field(
        None, description="Networks compute in bfloat16; weights, norms' statistics, losses and Adam stay in float32."
    )
    channels_last: bool | None = Field(
        None, description="A step's images lie with their channels innermost, as far as layers keep that."
    )
    compile: bool | None = Field(None, description="Networks are compiled (torch.compile; needs a C++ compiler).")
    cuda_graph: bool | None = Field(None, description="A step is recorded once an epoch and replayed (CUDA only).")
    device_draws: bool | None = Field(
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

    def pieces(self, device_type: str) -> Pieces:
        """What a step on this kind of device makes use of: "cpu" or "cuda"; on others it is plain.

        Pieces that a CPU does not have are left out. Raises UserError for a graph of steps that draw on the CPU.
        """
        if device_type not in FAST:
            return PLAIN
        base = FAST[device_type] if self.mode == "fast" else PLAIN
        chosen = {name: value for name, value in self.model_dump(exclude={"mode"}).items() if value is not None}
        if device_type != "cuda":
            chosen |= {"cuda_graph": False, "autotune": False}
        pieces = Pieces(**asdict(base) | chosen)
        if pieces.cuda_graph and not pieces.device_draws:
            raise UserError("A step that draws on the CPU cannot be recorded: set 'device_draws' with 'cuda_graph'.")
        return pieces
