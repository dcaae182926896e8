"""The choices of the protocol, and the settings that each is tried at; free of torch, so that planning starts fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from enco.config.base import Settings
from eval.config import Filter, NetworkName
from eval.records import Selection

Size = tuple[Annotated[int, Field(ge=8, le=2**14)], Annotated[int, Field(ge=8, le=2**14)]]
"""Width and height, in pixels."""
Quality = Annotated[int, Field(ge=1, le=100)]
Neighbours = Annotated[int, Field(ge=1, le=10**9)]

OF_FEATURES = ("FID", "precision", "recall")
MOVES: dict[str, tuple[str, ...]] = {
    "real_set": OF_FEATURES,
    "resize": OF_FEATURES,
    "network_resize": OF_FEATURES,
    "jpeg": (*OF_FEATURES, "mAP"),
    "legacy_rounding": OF_FEATURES,
    "k": ("precision", "recall"),
    "recall": ("recall",),
    "drn_weights": ("mAP",),
    "drn_size": ("mAP",),
    "checkpoint": (*OF_FEATURES, "mAP"),
}
"""The metrics that each choice can move."""


class Choices(Settings):
    """The settings that each choice is tried at, one after the other; the scale's own is always the default."""

    real_set: tuple[Literal["paired", "full"], ...] = Field(("full",), description="Real images to compare with.")
    resize: tuple[Filter, ...] = Field(
        ("bilinear", "tensor"), description="Filter that brings test images to the scale's size."
    )
    network_resize: tuple[Filter, ...] = Field(
        ("bicubic", "bilinear", "tensor"), description="Filter that brings images to the extractor's size."
    )
    jpeg: tuple[Quality, ...] = Field((95, 75), description="Quality of JPEG that translations are stored in, not PNG.")
    legacy_rounding: tuple[bool, ...] = Field((False, True), description="Whether real images lose what a save drops.")
    k: tuple[Neighbours, ...] = Field((3, 10), description="Neighbours of precision & recall.")
    recall: tuple[Literal["exact"], ...] = Field(("exact",), description="The exact recall instead of piq's.")
    drn_weights: tuple[NetworkName, ...] = Field(
        ("negcut", "fyu", "own"), description="The segmentation network of mAP."
    )
    drn_size: tuple[Annotated[float, Field(gt=0, le=16)], ...] = Field(
        (0.5, 2.0), description="Factors of the width and height that the segmentation network sees."
    )
    checkpoint: tuple[Selection, ...] = Field(("final", "best"), description="Which generator translates.")


class ProtocolConfig(Settings):
    """What `snakemake results/protocol.csv` scores: the rows of one table, under every choice."""

    table: str | None = Field(None, description="Table whose rows are scored; the first one where none is named.")
    tasks: tuple[str, ...] = Field((), description="Its tasks; all where none is named.")
    choices: Choices = Choices()


class Alternatives(Settings):
    """The settings that translations are measured anew under; all else is in scores files already."""

    resize: tuple[Filter, ...] = ()
    network_resize: tuple[Filter, ...] = ()
    jpeg: tuple[Quality, ...] = ()
    legacy_rounding: tuple[bool, ...] = ()
    k: tuple[Neighbours, ...] = ()
    drn_weights: dict[NetworkName, Path] = Field(default_factory=dict)
    drn_size: tuple[Size, ...] = ()


def spelled(setting: object) -> str:
    """Write a setting for people, and for the names of files: `on`, `64x32`, `bilinear`."""
    if isinstance(setting, bool):
        return "on" if setting else "off"
    return "x".join(map(str, setting)) if isinstance(setting, tuple) else str(setting)
