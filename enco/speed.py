"""How a training step is computed: plainly, as the originals do, or fast, in the same step with cheaper arithmetic."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import Field

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
    "cuda": Pieces(bfloat16=True, channels_last=True, compile=True, cuda_graph=True, device_draws=True, autotune=True),
}


class Speed(Settings):
    """The mode, and pieces of `fast` to turn on or off by themselves; null leaves a piece as the mode has it."""

    mode: Mode = Field("plain", description="`plain`: float32, as published; `fast`: what pays on this device.")
    bfloat16: bool | None = Field(
        None, description="Networks compute in bfloat16; weights, norms' statistics, losses and Adam stay in float32."
    )
    channels_last: bool | None = Field(None, description="Images and feature maps lie with their channels innermost.")
    compile: bool | None = Field(None, description="Networks are compiled (torch.compile; needs a C++ compiler).")
    cuda_graph: bool | None = Field(None, description="A step is recorded once an epoch and replayed (CUDA only).")
    device_draws: bool | None = Field(
        None, description="Positions, noise and pools are drawn on the device, not the CPU: other numbers by one seed."
    )
    autotune: bool | None = Field(None, description="cuDNN tries its algorithms and keeps the fastest (CUDA only).")
    tf32: bool | None = Field(
        None, description="Float32 convolutions use TF32 where the GPU has it: PyTorch's default, in both modes."
    )

    def pieces(self, device_type: str) -> Pieces:
        """What a step on this kind of device ("cpu", "cuda", "mps") makes use of; no piece that it does not have."""
        base = FAST.get(device_type, PLAIN) if self.mode == "fast" else PLAIN
        chosen = {name: value for name, value in self.model_dump(exclude={"mode"}).items() if value is not None}
        if device_type != "cuda":
            chosen |= {"cuda_graph": False, "autotune": False}
        return Pieces(**asdict(base) | chosen)
