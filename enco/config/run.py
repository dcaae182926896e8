"""Typed settings: the one source of every option's default, type and description."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from enco.settings import Settings
from enco.speed import Speed

if TYPE_CHECKING:
    from enco.data.reading import Reading

Direction = Literal["AtoB", "BtoA"]
GanMode = Literal["lsgan", "hinge", "vanilla"]
Preset = Literal["paper", "cut"]
Levels = Literal["16bit", "14bit", "12bit", "10bit", "8bit"]
RECURSIVE = "Read sub-folders of image folders too."
LEVELS = (
    "Bits that 16-bit grey uses: of 16bit the high byte is kept, of 12bit the high eight of twelve, and so on; an image"
    " with a higher level is an error."
)
Interpolation = Literal["bicubic", "bilinear"]

Tap = Annotated[int, Field(ge=0, le=1000)]
"""Number of a generator's module whose output is looked at."""
CUT_MARGIN = Fraction(286, 256)
"""Side of the images that CUT crops from, as a multiple of the crop's."""


class MethodOptions(Settings):
    """Options that every method has; a method's own file adds to them."""

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
        """Set what `preprocess` stands for; ValueError for a value that contradicts it."""
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
        """Whether a two-sided method with these options learns the way back, too."""
        return True

    @property
    def images_per_step(self) -> int:
        """Images of each domain that one step takes from the data."""
        return self.batch_size

    @property
    def images_per_iteration(self) -> int:
        """Images of each domain that one step translates; the tables' sec/iter is per one of them."""
        return self.batch_size

    @property
    def test_side(self) -> int:
        """Side of a test image, in pixels."""
        return self.test_size or self.crop_size

    @classmethod
    def stand_ins(cls, size: int) -> dict[str, Any]:
        """Options that differ from the original's, needed to run at this image size (pixels) and without a download."""
        return {}


def preset_options(name: Preset, crop_size: int) -> dict[str, Any]:
    """The options that a way of preparing training images stands for, at a crop of `crop_size` pixels.

    `paper` is what EnCo's text says, images resized to the crop's size; `cut` is what the code that it builds on does:
    a crop out of 286 pixels for 256 in the constant half, and plain resizing in the decay half.
    """
    load_size = crop_size if name == "paper" else round(crop_size * CUT_MARGIN)
    return {
        "load_size": load_size,
        "resize": "square",
        "interpolation": "bicubic",
        "jitter_in_decay": False,
        "flip": True,
    }


class DataConfig(Settings):
    """Where a run's images are: a folder with trainA, trainB, testA and testB."""

    root: Path
    direction: Direction = "AtoB"
    recursive: bool = Field(False, description=RECURSIVE)
    levels: Levels = Field("16bit", description=LEVELS)

    @property
    def reading(self) -> Reading:
        """How the folders of images are read."""
        from enco.data.reading import Reading  # here, as methods are built where there is nothing but torch

        return Reading(self.recursive, self.levels)


class TrainConfig(Settings):
    """How long to train, and how often to write things down."""

    n_const: int = Field(100, ge=0, le=10**9, description="Epochs at the full learning rate.")
    n_decay: int = Field(100, ge=0, le=10**9, description="Epochs of linear decay after them.")
    checkpoint_every: int = Field(5000, ge=1, le=10**9, description="Iterations between full-state checkpoints.")
    log_every: int = Field(100, ge=1, le=10**9, description="Iterations averaged into one line of metrics.jsonl.")
    sample_every: int = Field(5000, ge=1, le=10**9, description="Iterations between sample grids.")
    snapshot_epochs: int = Field(
        0, ge=0, le=10**9, description="Epochs between generator snapshots for selection 'best'; 0 keeps none."
    )
    cache_mb: int = Field(
        64, ge=0, le=10**9, description="Memory for decoded training images, in MiB; the rest is read anew."
    )
    tracking: Literal["live", "sync", "off"] = Field(
        "sync",
        description="MLflow: mirrored while training (live), by `python -m enco.tracking sync` (sync), or not at all.",
    )


class RunConfig(Settings):
    """Everything that decides a training, and how often it writes things down (enco/identity.py tells them apart)."""

    method: str
    task: str
    data: DataConfig
    scale: str = "own"
    variant: str = ""
    seed: int = Field(0, ge=0, lt=2**32)
    options: dict[str, Any] = Field(
        default_factory=dict, description="The method's options; the rest at their defaults."
    )
    train: TrainConfig = TrainConfig()
    speed: Speed = Field(Speed(), description="How steps are computed; plain is as published.")
