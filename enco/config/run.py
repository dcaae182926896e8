"""Declare the settings of a training: the one source of each default, type and description."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from enco.config.base import SHA256_START, Settings
from enco.config.compute import ComputeConfig

Direction = Literal["AtoB", "BtoA"]
Levels = Literal["16bit", "14bit", "12bit", "10bit", "8bit"]
RECURSIVE = "Read sub-folders of image folders too."
LEVELS = (
    "Bits that 16-bit grey uses: of 16bit the high byte is kept, of 12bit the high eight of twelve, and so on; an image"
    " with a higher level is an error."
)


class DataConfig(Settings):
    """The images of a run: a folder with trainA, trainB, testA and testB."""

    root: Path
    direction: Direction = Field("AtoB", description="The direction of the translation.")
    recursive: bool = Field(False, description=RECURSIVE)
    levels: Levels = Field("16bit", description=LEVELS)


class TrainConfig(Settings):
    """The length of a training, and how often it writes things down."""

    n_const: int = Field(100, ge=0, le=10**9, description="Epochs at the full learning rate.")
    n_decay: int = Field(100, ge=0, le=10**9, description="Epochs of linear decay after them.")
    checkpoint_every: int = Field(5000, ge=1, le=10**9, description="Iterations between full-state checkpoints.")
    log_every: int = Field(100, ge=1, le=10**9, description="Iterations averaged into one line of metrics.jsonl.")
    sample_every: int = Field(5000, ge=1, le=10**9, description="Iterations between sample grids.")
    snapshot_epochs: int = Field(
        0, ge=0, le=10**9, description="Epochs between generator snapshots for selection 'best'; 0 keeps none."
    )
    probe_epochs: int = Field(
        0,
        ge=0,
        le=10**9,
        description="Epochs between draws of the positions that EnCo looks at in a probe image; 0 draws none.",
    )
    probe_image: str = Field("", description="Test image of these draws, as a path from its folder; empty: the first.")
    cache_mb: int = Field(
        64, ge=0, le=10**9, description="Memory for decoded training images, in MiB; the rest is read anew."
    )
    tracking: Literal["live", "sync", "off"] = Field(
        "sync",
        description="MLflow: mirrored while training (live), by `python -m enco.tracking sync` (sync), or not at all.",
    )


class InitConfig(Settings):
    """A generator file that a training starts from; its name alone may be written for it."""

    path: Path
    sha256: str = Field("", pattern=SHA256_START, description="SHA-256 of the file; empty: taken when it is read.")

    @model_validator(mode="before")
    @classmethod
    def _name_is_path(cls, values: Any) -> Any:
        return {"path": values} if isinstance(values, str | Path) else values


class RunConfig(Settings):
    """Everything that decides a training (enco/training/identity.py), and how often the training writes."""

    method: str
    task: str
    data: DataConfig
    scale: str = "own"
    variant: str = ""
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of first weights, order of images and draws.")
    init: InitConfig | None = Field(
        None, description="Generator file whose weights the networks start from, as far as it has them."
    )
    copy_steps: int = Field(
        0,
        ge=0,
        le=10**9,
        description="Steps in which the networks that translate learn to copy images before the first iteration.",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="The method's options; the rest at their defaults."
    )
    train: TrainConfig = TrainConfig()
    compute: ComputeConfig = Field(ComputeConfig(), description="How steps are computed; plain is as published.")

    @model_validator(mode="after")
    def _one_start(self) -> RunConfig:
        if self.init and self.copy_steps:
            raise ValueError("copy_steps would replace the weights of init: leave one of them out")
        return self
