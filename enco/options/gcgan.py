"""Settings of GcGAN."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from enco.options.base import MethodInfo, MethodOptions

Geometry = Literal["rot", "vf"]


class GcGanOptions(MethodOptions):
    """GcGAN's settings, by default as in the original code, but for the original's batch of 8."""

    load_size: int = Field(
        288, ge=8, description="Side that a training image is resized to before the crop, in pixels."
    )
    jitter_in_decay: bool = Field(True, description="Keep resizing to load_size and cropping in the decay half.")
    sharing: Literal["share", "cross"] = Field(
        "share",
        description="One generator for plain and transformed images, or one each: the authors' advice for horse2zebra "
        "and the seasons.",
    )
    geometry: Geometry = Field("rot", description="Turn by 90 degrees clockwise (rot), or flip upside down (vf).")
    lambda_gan: float = Field(1.0, ge=0, description="Weight of the adversarial losses.")
    lambda_ab: float = Field(10.0, ge=0, description="Common weight of consistency and identity losses.")
    lambda_gc: float = Field(2.0, ge=0, description="Weight of the geometry consistency, relative to lambda_ab.")
    lambda_identity: float = Field(
        0.5, ge=0, description="Weight of the identity losses, relative to lambda_ab; the authors' 0.3 for Cityscapes."
    )
    pool_size: int = Field(50, ge=0, description="Generated images kept for each discriminator.")
    lr_g: float = Field(2e-4, gt=0, description="Learning rate of the generators.")
    lr_d: float = Field(2e-4, gt=0, description="Learning rate of the discriminators.")


INFO = MethodInfo("gcgan", "GcGAN", "arXiv 1809.05852", 2018, two_sided=False, Options=GcGanOptions)
