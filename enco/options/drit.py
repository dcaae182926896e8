"""Settings of DRIT."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from enco.options.base import GanMode, MethodInfo, MethodOptions
from enco.options.sizes import most_content_layers, most_scales, smallest_content_side, smallest_side


class DritOptions(MethodOptions):
    """DRIT's settings, by default as in the authors' code."""

    n_blocks: int = Field(
        3,
        ge=1,
        description="Residual blocks of each domain's content encoder and decoder; encoders share one more, decoders "
        "too with concat, and without it each has one more of its own.",
    )
    gan_mode: GanMode = Field("vanilla", description="Adversarial loss on images; that on contents is cross-entropy.")
    batch_size: int = Field(
        2, ge=2, description="Images of each domain in one update: the first is encoded, the others only judged."
    )
    d_iter: int = Field(
        3,
        ge=1,
        description="Updates of the content discriminator, on a batch each, for one of everything else; what does not "
        "fill a step at an epoch's end is dropped.",
    )
    crop_size: int = Field(216, ge=24, multiple_of=4, description="Side of a training crop, in pixels.")
    load_size: int = Field(256, ge=8, description="Side that a training image is resized to before the crop.")
    test_size: int | None = Field(
        256, ge=8, multiple_of=4, description="Side of a test image, in pixels; null is crop_size."
    )
    jitter_in_decay: bool = Field(True, description="Keep resizing to load_size and cropping in the decay half.")
    max_iterations: int | None = Field(
        500_000, ge=1, description="Iterations after which training ends, whatever its epochs; null is no limit."
    )
    concat: bool = Field(
        True,
        description="Put attributes beside the decoder's features, drawn from an encoded distribution; false is the "
        "feature-wise decoder, advised where shapes change, with attributes that are encoded exactly.",
    )
    mode_seeking: bool = Field(
        True, description="Also keep images of two random attributes apart, as the code does since 2019 (MSGAN)."
    )
    attribute_dim: int = Field(8, ge=1, description="Length of an attribute code.")
    n_scales: int = Field(
        3, ge=1, description="Scales of an image discriminator; crops below 61 pixels need fewer than the paper's 3."
    )
    content_d_layers: int = Field(
        3,
        ge=0,
        description="Strided layers of the content discriminator; crops below 209 pixels need fewer than the "
        "paper's 3: 2 from 97 pixels on, 1 from 41 on, else 0.",
    )
    content_d_clip: float = Field(5.0, gt=0, description="Largest norm of the content discriminator's gradient.")
    style_seed: int = Field(0, ge=0, lt=2**32, description="Seed of the random attributes of translated images.")
    lambda_gan: float = Field(1.0, ge=0, description="Weight of the adversarial losses on images, of both kinds.")
    lambda_content_gan: float = Field(1.0, ge=0, description="Weight of hiding a content's domain.")
    lambda_cycle: float = Field(10.0, ge=0, description="Weight of the cross-cycle losses.")
    lambda_recon: float = Field(10.0, ge=0, description="Weight of the self-reconstruction losses.")
    lambda_attribute: float = Field(0.01, ge=0, description="Weight of the attributes' distance to N(0, I).")
    lambda_content: float = Field(0.01, ge=0, description="Weight of the contents' mean square.")
    lambda_latent: float = Field(10.0, ge=0, description="Weight of finding a random attribute again.")
    lambda_ms: float = Field(1.0, ge=0, description="Weight of mode seeking.")
    lr_g: float = Field(1e-4, gt=0, description="Learning rate of the encoders and the generator.")
    lr_d: float = Field(1e-4, gt=0, description="Learning rate of the image discriminators.")
    lr_content_d: float = Field(4e-5, gt=0, description="Learning rate of the content discriminator.")
    weight_decay: float = Field(1e-4, ge=0, description="Weight decay of every optimiser.")

    @classmethod
    def offline_options(cls, size: int) -> dict[str, Any]:
        """Return fewer scales and layers for small images, and a smaller test size where the crop would be larger."""
        usual = cls()
        scales, layers = most_scales(size, usual.n_scales), most_content_layers(size, usual.content_d_layers)
        fewer = {"n_scales": scales} if scales < usual.n_scales else {}
        fewer |= {"content_d_layers": layers} if layers < usual.content_d_layers else {}
        return fewer | ({"test_size": size} if size < usual.crop_size else {})

    @model_validator(mode="after")
    def _discriminators_fit(self) -> DritOptions:
        side, scales, layers = self.crop_size, self.n_scales, self.content_d_layers
        for option, given, least, most in (
            ("n_scales", scales, smallest_side(scales), most_scales(side, scales)),
            ("content_d_layers", layers, smallest_content_side(layers), most_content_layers(side, layers)),
        ):
            if side < least:
                raise ValueError(f"{option} {given} needs a crop_size of {least}, not {side}: lower {option} to {most}")
        return self

    @property
    def images_per_step(self) -> int:
        """Images of each domain in one step: a batch for each update of the content discriminator.

        Images that do not fill a step at an epoch's end are dropped, where the original has a step for the rest: 222
        iterations on horse2zebra, not 223.
        """
        return self.batch_size * self.d_iter

    @property
    def images_per_iteration(self) -> int:
        """One image: the encoded image of a batch."""
        return 1


INFO = MethodInfo("drit", "DRIT", "arXiv 1808.00948", 2018, two_sided=True, Options=DritOptions)
