"""Settings that every method has, and the registry's record of a method."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Field, model_validator

from enco.config.base import Settings

GanMode = Literal["lsgan", "hinge", "vanilla"]
Preset = Literal["paper", "cut"]
Interpolation = Literal["bicubic", "bilinear"]

LayerIndex = Annotated[int, Field(ge=0, le=1000)]
"""Index of a generator's module with an output that a loss compares."""
CUT_MARGIN = Fraction(286, 256)
"""Side of the images that CUT crops from, as a multiple of the crop's side."""


class MethodOptions(Settings):
    """Options that every method has."""

    model_config = ConfigDict(validate_default=True)

    ngf: int = Field(64, ge=1, le=4096, description="Channels of the generator's first convolution.")
    ndf: int = Field(64, ge=1, le=4096, description="Channels of the discriminator's first convolution.")
    n_blocks: int = Field(9, ge=1, le=1000, description="Residual blocks of the generator.")
    gan_mode: GanMode = Field("lsgan", description="Adversarial loss.")
    batch_size: int = Field(1, ge=1, le=2**16, description="Images of each domain in one iteration.")
    crop_size: int = Field(
        256, ge=24, le=2**14, multiple_of=4, description="Side of a training crop and of a test image, in pixels."
    )
    preprocess: Preset | None = Field(
        None,
        description="Preset of load_size, resize, interpolation, jitter_in_decay and flip: `paper` resizes to crop_size"
        " and flips, `cut` also crops out of 286/256 of it in the constant half; null leaves them as they are.",
    )
    load_size: int = Field(
        286, ge=8, le=2**14, description="Side that a training image is resized to before the crop, in pixels."
    )
    jitter_in_decay: bool = Field(
        False, description="Keep resizing to load_size and cropping in the decay half; else plain crop_size there."
    )
    test_size: int | None = Field(
        None, ge=8, le=2**14, multiple_of=4, description="Side of a test image, in pixels; null is crop_size."
    )
    resize: Literal["square", "shorter"] = Field(
        "square", description="Resize training images to load_size squared, or their shorter side to load_size."
    )
    interpolation: Interpolation = Field("bicubic", description="Filter that resizes training and test images.")
    flip: bool = Field(True, description="Flip training images left-right with probability 0.5.")
    flip_together: bool = Field(
        False, description="Decide on flipping once an iteration, for the batch and both domains; else for each image."
    )
    warmup_epochs: int = Field(0, ge=0, description="Epochs over which the learning rate rises linearly.")
    max_iterations: int | None = Field(
        None, ge=1, description="Iterations after which training ends, whatever its epochs; null is no limit."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_preset(cls, values: Any) -> Any:
        """Set the options that `preprocess` stands for; ValueError for a value that contradicts the preset."""
        if not isinstance(values, dict) or values.get("preprocess") not in get_args(Preset):
            return values
        name = values["preprocess"]
        try:
            crop_size = int(values.get("crop_size", cls.model_fields["crop_size"].default))
        except (TypeError, ValueError, OverflowError):
            return values  # a crop_size that is no number has an error of its own
        preset = preset_options(name, crop_size)
        for key, value in preset.items():
            if values.get(key, value) != value:
                raise ValueError(
                    f"{key} {values[key]} contradicts preprocess '{name}', which sets it to {value}: drop one of them"
                )
        return values | preset

    @model_validator(mode="after")
    def _crop_fits(self) -> MethodOptions:
        if self.load_size < self.crop_size:
            raise ValueError(
                f"load_size {self.load_size} is smaller than crop_size {self.crop_size}: "
                "raise load_size or lower crop_size"
            )
        return self

    @property
    def trains_back(self) -> bool:
        """Whether a two-sided method with these options learns to translate backward, too."""
        return True

    @property
    def images_per_step(self) -> int:
        """Images of each domain that one step takes from the data."""
        return self.batch_size

    @property
    def images_per_iteration(self) -> int:
        """Images of each domain that one step translates; the tables' sec/iter is per such image."""
        return self.batch_size

    @property
    def test_side(self) -> int:
        """Side of a test image, in pixels."""
        return self.test_size or self.crop_size

    @classmethod
    def offline_options(cls, size: int) -> dict[str, Any]:
        """Return options other than the original's that this image size (pixels) or a lack of downloads needs."""
        return {}


@dataclass(frozen=True)
class MethodInfo:
    """Name, source and settings of a method."""

    name: str
    label: str
    paper: str
    year: int
    two_sided: bool
    Options: type[MethodOptions]


def preset_options(name: Preset, crop_size: int) -> dict[str, Any]:
    """Return the options that a preset of training images stands for, at a crop of `crop_size` pixels.

    `paper` follows EnCo's text: images are resized to the crop's size. `cut` follows the code that EnCo builds on: a
    crop out of 286 pixels for 256 in the constant half, and plain resizing in the decay half.
    """
    load_size = crop_size if name == "paper" else round(crop_size * CUT_MARGIN)
    return {
        "load_size": load_size,
        "resize": "square",
        "interpolation": "bicubic",
        "jitter_in_decay": False,
        "flip": True,
    }
