"""Settings of MUNIT."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from enco.options.base import Interpolation, MethodInfo, MethodOptions
from enco.options.sizes import most_scales, smallest_side


class MunitOptions(MethodOptions):
    """MUNIT's settings, by default as in the default configuration of the original code."""

    n_blocks: int = Field(4, ge=1, description="Residual blocks of a content encoder, and as many of a decoder.")
    load_size: int = Field(256, ge=8, description="Side that a training image is resized to before the crop.")
    jitter_in_decay: bool = Field(True, description="Keep resizing to load_size and cropping in the decay half.")
    resize: Literal["square", "shorter"] = Field(
        "shorter", description="Resize training images to load_size squared, or their shorter side to load_size."
    )
    interpolation: Interpolation = Field("bilinear", description="Filter that resizes training and test images.")
    max_iterations: int | None = Field(
        1_000_000, ge=1, description="Iterations after which training ends, whatever its epochs; null is no limit."
    )
    style_dim: int = Field(8, ge=1, description="Numbers in a style.")
    mlp_width: int = Field(256, ge=1, description="Width of the MLP from a style to the decoder's AdaIN parameters.")
    n_scales: int = Field(
        3, ge=1, description="Scales of a discriminator; crops below 61 pixels need fewer than the paper's 3."
    )
    style_seed: int = Field(0, ge=0, lt=2**32, description="Seed of the random styles that images are translated with.")
    stretch: bool = Field(
        False, description="Stretch each translation to the whole range of values, as the original test code does."
    )
    lambda_gan: float = Field(1.0, ge=0, description="Weight of the adversarial losses, the discriminators' too.")
    lambda_image: float = Field(10.0, ge=0, description="Weight of reconstructing an image within its domain.")
    lambda_style: float = Field(1.0, ge=0, description="Weight of reconstructing a random style.")
    lambda_content: float = Field(1.0, ge=0, description="Weight of reconstructing a content.")
    lambda_cycle: float = Field(
        0.0, ge=0, description="Weight of the cycle through the other domain; summer2winter had 10."
    )
    lr_g: float = Field(1e-4, gt=0, description="Learning rate of the autoencoders.")
    lr_d: float = Field(1e-4, gt=0, description="Learning rate of the discriminators.")
    lr_step: int = Field(
        100_000,
        ge=1,
        description="Iterations between two cuts of the learning rates; scale it with max_iterations where that is "
        "shortened.",
    )
    lr_gamma: float = Field(0.5, gt=0, le=1, description="Factor of a cut of the learning rates.")
    weight_decay: float = Field(1e-4, ge=0, description="L2 penalty in Adam, on every parameter.")

    @classmethod
    def offline_options(cls, size: int) -> dict[str, Any]:
        """Return fewer scales for small images."""
        usual = cls().n_scales
        scales = most_scales(size, usual)
        return {"n_scales": scales} if scales < usual else {}

    @model_validator(mode="after")
    def _scales_fit(self) -> MunitOptions:
        n, side, least = self.n_scales, self.crop_size, smallest_side(self.n_scales)
        if side < least:
            cure = f"lower n_scales to {most_scales(side, n)}"
            raise ValueError(f"n_scales {n} needs a crop_size of {least}, not {side}: {cure}")
        return self


INFO = MethodInfo("munit", "MUNIT", "arXiv 1804.04732", 2018, two_sided=True, Options=MunitOptions)
