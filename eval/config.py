"""Settings of the metrics: features, the segmentation network, timings. Each default is declared here and only here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from enco.config.base import SHA256_START, Settings
from enco.config.run import Levels
from eval.extractors import BesideName, ExtractorName, distance_name

NEIGHBOURS = 5
"""The k of precision & recall."""
SMALLEST_INPUT = 75
"""Smallest side, in pixels, that Inception's layers leave a feature map of."""
NetworkName = Literal["negcut", "fyu", "own"]
"""Whose segmentation network: the one that NEGCUT published, the one of fyu/drn, or one's own."""
Side = Annotated[int, Field(ge=8, le=2**14)]
"""Of an image, in pixels."""


Filter = Literal["bicubic", "bilinear", "tensor"]
"""A filter that resizes images: PIL's bicubic or bilinear, or bilinear on tensors without antialiasing."""


class Preparation(Settings):
    """The preparation of images before the extractor's own resize; the default is none."""

    size: int = Field(
        0, ge=0, le=2**14, description="Side that images are resized to first, in pixels; 0 keeps their own."
    )
    legacy_rounding: bool = Field(
        False,
        description="Lose a fraction of a grey level, as images do when the original test scripts save them.",
    )
    levels: Levels = "16bit"
    filter: Filter = Field("bicubic", description="Filter that resizes images to that side.")


REPLICATES = 1000
"""The standard deviation of so many replicates is known to 2 percent."""


class FeatureConfig(Settings):
    """Settings of features for the Fréchet distance and precision & recall."""

    extractor: ExtractorName = Field(
        "inception",
        description="Inception with the published weights or random weights, EfficientNet-Lite0, or DINOv2.",
    )
    beside: tuple[BesideName, ...] = Field(
        (), description="Extractors whose distances are measured too, each under a name of its own."
    )
    input_size: int | None = Field(
        None, ge=SMALLEST_INPUT, le=2**14, description="Side that random-inception sees, in pixels (default 299)."
    )
    k: int = Field(NEIGHBOURS, ge=1, le=10**9, description="Neighbours of precision & recall.")
    replicates: int = Field(
        REPLICATES, ge=2, le=10**6, description="Draws of the test images by which it is said how sure a metric is."
    )
    legacy_rounding: bool = Field(
        True, description="Real images lose their fraction of a grey level, as when saved by the originals."
    )

    @model_validator(mode="after")
    def _each_extractor_once(self) -> FeatureConfig:
        names = [self.extractor, *self.beside]
        for name in self.beside:
            if names.count(name) > 1:
                raise ValueError(f"the extractor {name} measures once: take it out of 'beside'")
        return self

    @property
    def distance(self) -> str:
        """What the Fréchet distance of these features is called."""
        return distance_name(self.extractor)


class DrnRecipe(Settings):
    """Settings of a segmentation network's training; the defaults are fyu/drn's for DRN-D-22, at 256 x 128 pixels."""

    width: float = Field(1.0, gt=0, le=16, description="Scales all channels; 1 is DRN-D-22.")
    size: tuple[Side, Side] = Field((256, 128), description="Width and height that the network sees, in pixels.")
    epochs: int = Field(250, ge=1, le=10**9, description="Passes over the photos.")
    batch_size: int = Field(32, ge=1, le=2**16, description="Photos of a step.")
    lr: float = Field(0.01, gt=0, le=100, description="Learning rate of the first epochs.")
    step: int = Field(100, ge=1, le=10**9, description="Epochs after which the rate is divided by 10.")


class DrnConfig(DrnRecipe):
    """The segmentation network of the mAP column: a published file, or one trained on the dataset's own label maps."""

    network: NetworkName = Field(
        "own", description="negcut: the paper's; fyu: trained at full resolution; own: trained by `snakemake drn`."
    )
    weights: Path | None = Field(
        None,
        description="The network's file: by default weights/ and the published name; for 'own' one that you trained.",
    )
    trunk: Literal["imagenet", "none"] = Field("none", description="What a network of one's own starts from.")
    sha256: str = Field(
        "", pattern=SHA256_START, description="SHA-256 of the network's file, or the start of one; empty: not checked."
    )

    @model_validator(mode="after")
    def _trunk_fits(self) -> DrnConfig:
        if self.trunk == "imagenet" and self.width != 1:
            raise ValueError(f"trunk 'imagenet' has width 1, not {self.width:g}: set one of them otherwise")
        return self


class TimingConfig(Settings):
    """Numbers of steps by which seconds per iteration are measured."""

    warmup: int = Field(5, ge=0, le=10**9, description="Untimed steps of each half.")
    iterations: int = Field(50, ge=1, le=10**9, description="Timed steps of each half.")
