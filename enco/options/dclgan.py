"""Settings of DCLGAN."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from enco.options.base import GanMode, LayerIndex, MethodInfo
from enco.options.contrast import ContrastOptions

HingeForm = Literal["linear", "clipped"]
Decay = Annotated[float, Field(ge=0, lt=1)]


class DclGanOptions(ContrastOptions):
    """DCLGAN's settings, by default as in DCLGAN's code. With `k` above 1, DAG sampling (EnCo, Appendix A)."""

    gan_mode: GanMode = Field("hinge", description="Adversarial loss.")
    g_hinge: HingeForm = Field(
        "clipped",
        description="Hinge loss of the generators: clipped like the discriminators', or linear in the scores.",
    )
    layers: tuple[LayerIndex, ...] = Field(
        (4, 8, 12, 16), min_length=1, description="Generator modules that are compared."
    )
    half_factor: bool = Field(True, description="Halve every term of the generators' loss.")
    lambda_gan: float = Field(1.0, ge=0, description="Weight of the adversarial losses.")
    lambda_nce: float = Field(2.0, ge=0, description="Weight of the NCE terms.")
    lambda_idt: float = Field(1.0, ge=0, description="Weight of the identity losses.")
    lr_g: float = Field(2e-4, gt=0, description="Learning rate of the generators.")
    lr_d: float = Field(2e-4, gt=0, description="Learning rate of the discriminators.")
    lr_f: float = Field(1e-3, gt=0, description="Learning rate of the heads.")
    betas_f: tuple[Decay, Decay] = Field((0.9, 0.999), description="Adam's decay rates for the heads.")


INFO = MethodInfo("dclgan", "DCLGAN", "arXiv 2104.07689", 2021, two_sided=True, Options=DclGanOptions)
