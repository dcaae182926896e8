"""Settings of DistanceGAN."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from enco.options.base import Interpolation, MethodInfo, MethodOptions


class DistanceGanOptions(MethodOptions):
    """DistanceGAN's settings, by default as in the original code."""

    batch_size: int = Field(2, ge=2, description="Images of each domain in one iteration; distances need two.")
    jitter_in_decay: bool = Field(True, description="Keep resizing to load_size and cropping in the decay half.")
    resize: Literal["square", "shorter"] = Field(
        "shorter", description="Resize training images to load_size squared, or their shorter side to load_size."
    )
    interpolation: Interpolation = Field("bilinear", description="Filter that resizes training and test images.")
    flip_together: bool = Field(
        True, description="Decide on flipping once an iteration, for the batch and both domains; else for each image."
    )
    directions: Literal["both", "forward"] = Field(
        "both", description="Train both directions, as the papers timed it, or the forward one alone, at half the cost."
    )
    normalize: bool = Field(True, description="Compare distances in standard deviations from their domain's mean.")
    max_items: int = Field(
        900,
        ge=2,
        description="Batches of the first epoch, at most, that means and standard deviations come from; DistanceGAN "
        "holds them all in memory, about 4 GB at 256 pixels.",
    )
    lambda_distance: float = Field(1.0, ge=0, description="Weight of each direction's distance loss.")
    pool_size: int = Field(50, ge=0, description="Generated images kept for each discriminator.")
    lr_g: float = Field(2e-4, gt=0, description="Learning rate of the generators.")
    lr_d: float = Field(2e-4, gt=0, description="Learning rate of the discriminators.")

    @property
    def trains_back(self) -> bool:
        return self.directions == "both"


INFO = MethodInfo("distancegan", "DistanceGAN", "arXiv 1706.00826", 2017, two_sided=True, Options=DistanceGanOptions)
