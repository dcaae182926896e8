"""Settings of SelfDistance."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from enco.options.base import MethodInfo
from enco.options.distancegan import DistanceGanOptions

Axis = Literal["height", "width"]


class SelfDistanceOptions(DistanceGanOptions):
    """SelfDistance's settings: DistanceGAN's, and where to cut."""

    batch_size: int = Field(2, ge=1, description="Images of each domain in one iteration.")
    axis: Axis = Field(
        "height", description="Compare top and bottom halves (height), as the code does, or left and right ones."
    )


INFO = MethodInfo("selfdistance", "SelfDistance", "arXiv 1706.00826", 2017, two_sided=True, Options=SelfDistanceOptions)
