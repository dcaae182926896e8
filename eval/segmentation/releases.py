"""The segmentation networks that others published: file, label in tables, and source of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from enco.errors import UserError

IMAGENET_URL = "http://dl.yf.io/drn/drn_d_22-4bd2f8ea.pth"
"""The ImageNet classifier that a network of one's own starts from."""

THE_PAPERS = "negcut"


@dataclass(frozen=True)
class PublishedNetwork:
    """A trained DRN-D-22 that has to be fetched by hand."""

    file: str
    label: str
    source: str
    is_checkpoint: bool
    """Whether the file is a training's checkpoint; another file holds the weights alone."""


PUBLISHED: dict[str, PublishedNetwork] = {
    "negcut": PublishedNetwork(
        "drn_d_22.pth.tar",
        "DRN-D-22 by the file NEGCUT publishes (drn_d_22.pth.tar; no hash of it is published)",
        "assets/drn of the Google Drive folder 'checkpoints' that the README of https://github.com/WeilunWang/NEGCUT"
        " links",
        is_checkpoint=True,
    ),
    "fyu": PublishedNetwork(
        "drn_d_22_cityscapes.pth",
        "DRN-D-22 by the file fyu/drn publishes (drn_d_22_cityscapes.pth; no hash of it is published; trained at full"
        " resolution, not the paper's)",
        "the Google Drive folder http://go.yf.io/drn-cityscapes-models that the README of https://github.com/fyu/drn"
        " links",
        is_checkpoint=False,
    ),
}


def check_there(path: Path, network: str) -> None:
    """Raise UserError, with what to fetch from where or how to train instead, unless the weight file is there."""
    if path.is_file():
        return
    if network == "own":
        raise UserError(
            f"The segmentation weights {path} are missing: train them with `python -m eval drn-train`, or correct the"
            " path."
        )
    known = PUBLISHED[network]
    raise UserError(
        f"The segmentation weights {path} are missing: put {known.file} there, from {known.source}, or set"
        " 'drn: {network: own}' to have a network trained (`snakemake drn`)."
    )
