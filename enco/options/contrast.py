"""Settings of PatchNCE between the encodings of two images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from enco.options.base import LayerIndex
from enco.options.sampling import SamplingOptions

Negatives = Literal["image", "batch"]


class ContrastOptions(SamplingOptions):
    """Settings of the features that PatchNCE contrasts, and of PatchNCE."""

    layers: tuple[LayerIndex, ...] = Field(
        (0, 4, 8, 12, 16), min_length=1, description="Generator modules that are compared."
    )
    tau: float = Field(0.07, gt=0, description="Temperature of PatchNCE.")
    nce_diag: float | None = Field(-10.0, description="Similarity on the negatives' diagonal; null leaves it out.")
    negatives: Negatives = Field("image", description="Negatives from the same image, or from the whole batch.")
    key_features: Literal["encoded", "reused"] = Field(
        "encoded",
        description="Keys from an encoder pass of their own, as in the code, or from the pass that translates: "
        "the same numbers, in less time.",
    )
    head_width: int = Field(256, ge=1, description="Width of the heads.")
