"""Settings of MoNCE, apart from the method, so that planning imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from enco.options.base import MethodInfo
from enco.options.cut import CutOptions


class MonceOptions(CutOptions):
    """MoNCE's settings: CUT's, and those of the negatives' weights."""

    negatives: Literal["image"] = Field("image", description="Negatives are weighted within an image.")
    lambda_negatives: float = Field(1.0, gt=0, description="Weight of all negatives together (Q).")
    epsilon: float = Field(
        1.0, ge=0.05, description="Entropy of the transport: the larger, the more alike are the weights."
    )
    sinkhorn_steps: int = Field(50, ge=1, description="Sinkhorn iterations.")


INFO = MethodInfo("monce", "MoNCE", "arXiv 2203.09333", 2022, two_sided=False, Options=MonceOptions)
