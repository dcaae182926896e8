"""Settings of CycleGAN."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from enco.options.base import MethodInfo, MethodOptions

Arch = Literal["antialiased", "mixed", "strided"]


class CycleGanOptions(MethodOptions):
    """CycleGAN's settings, by default as in the original code."""

    jitter_in_decay: bool = Field(True, description="Keep resizing to load_size and cropping in the decay half.")
    arch: Arch = Field(
        "strided",
        description="strided: the original; mixed: strided down, blurred up, as other codes ran it; antialiased: "
        "CUT's networks. The last two start from Xavier weights.",
    )
    lambda_a: float = Field(10.0, ge=0, description="Weight of the cycle A to B to A.")
    lambda_b: float = Field(10.0, ge=0, description="Weight of the cycle B to A to B.")
    lambda_identity: float = Field(0.5, ge=0, description="Weight of identity losses, relative to the cycle's.")
    pool_size: int = Field(50, ge=0, description="Generated images kept for each discriminator.")
    lr_g: float = Field(2e-4, gt=0, description="Learning rate of the generators.")
    lr_d: float = Field(2e-4, gt=0, description="Learning rate of the discriminators.")


INFO = MethodInfo("cyclegan", "CycleGAN", "arXiv 1703.10593", 2017, two_sided=True, Options=CycleGanOptions)
