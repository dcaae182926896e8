"""Settings of EnCo."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from enco.options.base import LayerIndex, MethodInfo
from enco.options.sampling import SamplingOptions


class EnCoOptions(SamplingOptions):
    """EnCo's settings, by default as in the seed paper, and as in its code where the paper is silent."""

    load_size: int = Field(256, ge=8, description="Side that a training image is resized to before the crop.")
    pairs: tuple[tuple[LayerIndex, LayerIndex], ...] = Field(
        ((3, 28), (7, 24), (13, 18)), min_length=1, description="Generator modules (encoder, decoder) that are paired."
    )
    k: int = Field(4, ge=1, description="Positions in the sampling pool, as a multiple of `patches`; 1 is uniform.")
    tau: float = Field(0.07, gt=0, description="Temperature of PatchNCE.")
    nce_diag: float | None = Field(-10.0, description="Similarity on the negatives' diagonal; null leaves it out.")
    heads: Literal["shared", "separate"] = Field("shared", description="One head for keys and queries, or one each.")
    head_width: int = Field(256, ge=2, description="Width of the heads.")
    content_loss: Literal["contrastive", "cosine"] = Field("contrastive", description="Seed paper or AAAI version.")
    key_detach: Literal["embedding", "feature", "none"] = Field(
        "embedding", description="Where the key's gradient stops: after the head, before it, or nowhere."
    )
    nce_reduction: Literal["layers", "pairs", "sum"] = Field(
        "layers",
        description="Divide the content loss's sum over pairs by the number of layers, of pairs, or by nothing.",
    )
    half_factor: bool = Field(True, description="Halve content and identity losses while identity is on.")
    lambda_nce: float = Field(2.0, ge=0, description="Weight of the content loss.")
    lambda_idt: float = Field(10.0, ge=0, description="Weight of the identity loss.")
    idt_stop_epoch: int | None = Field(None, ge=0, description="Last epoch with identity loss; null is n_const.")
    lr_g: float = Field(5e-5, gt=0, description="Learning rate of the generator.")
    lr_d: float = Field(2e-4, gt=0, description="Learning rate of the discriminator.")
    lr_f: float = Field(5e-5, gt=0, description="Learning rate of the heads.")


INFO = MethodInfo("enco", "EnCo", "arXiv 2211.10867", 2022, two_sided=False, Options=EnCoOptions)
