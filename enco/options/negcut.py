"""Settings of NEGCUT."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from enco.options.base import MethodInfo
from enco.options.cut import CutOptions
from enco.options.sizes import most_halvings


class NegCutOptions(CutOptions):
    """NEGCUT's settings, by default as in NEGCUT's code."""

    nce_diag: None = Field(None, description="Always null: generated negatives have no diagonal.")
    negatives: Literal["image"] = Field("image", description="Always made from the query's own image.")
    patches: int = Field(256, ge=2, description="Positions sampled from each feature map, and negatives made for it.")
    discriminator: Literal["patch", "global"] = Field(
        "patch", description="CUT's, or one that judges whole images, which the authors took for Cat-Dog."
    )
    halvings: int = Field(
        6,
        ge=1,
        description="Halvings of the global discriminator; fewer, for crops under 256 pixels, are not the paper's.",
    )
    noise_dim: int = Field(64, ge=1, description="Noise values behind one negative.")
    neg_init_gain: float = Field(0.02, gt=0, description="Xavier gain of the negative generator.")
    ema_decay: float = Field(0.9, ge=0, le=1, description="What the heads' moving average keeps at an iteration.")
    ema_init: Literal["random", "copy"] = Field(
        "random", description="The moving average starts from weights of its own, or from the heads'."
    )
    ms_on: Literal["last", "both"] = Field(
        "last", description="Negatives with a diversity term: the last NCE term's, as in the code, or both terms'."
    )
    detach_negatives: bool = Field(False, description="Let no gradient through negatives to the generator's encoder.")
    lambda_ms: float = Field(1.0, ge=0, description="Weight of the diversity of negatives.")
    lr_n: float = Field(2e-4, gt=0, description="Learning rate of the negative generator.")

    @model_validator(mode="after")
    def _global_discriminator_fits(self) -> NegCutOptions:
        most = most_halvings(self.crop_size)
        if self.discriminator == "global" and self.halvings > most:
            raise ValueError(
                f"a global discriminator with {self.halvings} halvings needs crop_size {4 * 2**self.halvings}, not "
                f"{self.crop_size}; set halvings to {most}, or discriminator to 'patch'"
            )
        if self.discriminator == "global" and self.k > 1:
            raise ValueError(
                "DAG sampling needs a map of scores, which a global discriminator has not; set k to 1, or "
                "discriminator to 'patch'"
            )
        return self


INFO = MethodInfo("negcut", "NEG CUT", "arXiv 2108.04547", 2021, two_sided=False, Options=NegCutOptions)
