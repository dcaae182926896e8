"""Settings of CUT."""

from __future__ import annotations

from pydantic import Field

from enco.options.base import MethodInfo
from enco.options.contrast import ContrastOptions


class CutOptions(ContrastOptions):
    """CUT's settings, by default as in CUT's code. With `k` above 1, DAG sampling (EnCo, Appendix A)."""

    identity_nce: bool = Field(True, description="Also contrast G(target) with the target.")
    nce_half_factor: bool = Field(True, description="Halve both NCE terms where there are two.")
    lambda_gan: float = Field(1.0, ge=0, description="Weight of the adversarial loss.")
    lambda_nce: float = Field(1.0, ge=0, description="Weight of the NCE terms.")
    lr_g: float = Field(2e-4, gt=0, description="Learning rate of the generator.")
    lr_d: float = Field(2e-4, gt=0, description="Learning rate of the discriminator.")
    lr_f: float = Field(2e-4, gt=0, description="Learning rate of the heads.")


INFO = MethodInfo("cut", "CUT", "arXiv 2007.15651", 2020, two_sided=False, Options=CutOptions)
