"""Settings of DAG sampling."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from enco.options.base import MethodOptions

DagRest = Literal["top", "uniform"]
DEFAULT_BETA = 0.5


class SamplingOptions(MethodOptions):
    """Settings of the positions of a contrastive loss: uniform (k = 1), or by the discriminator's scores (DAG)."""

    patches: int = Field(256, ge=2, description="Positions sampled from each feature map (K).")
    k: int = Field(1, ge=1, description="Positions in the sampling pool, as a multiple of `patches`; 1 is uniform.")
    dag_rest: DagRest = Field("top", description="Where the share 1 - beta comes from: top of the pool, or anywhere.")
    beta: float = Field(DEFAULT_BETA, ge=0, le=1, description="Share of positions that look least real.")

    @field_validator("beta")
    @classmethod
    def _beta_of_uniform(cls, beta: float, info: ValidationInfo) -> float:
        # At k = 1 the pool is the sample whatever beta is: equal trainings get equal options.
        uniform = info.data.get("k") == 1 and info.data.get("dag_rest") == "top"
        return DEFAULT_BETA if uniform else beta
