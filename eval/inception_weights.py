"""The published Inception weights: where they are, and proof that they are them."""

from __future__ import annotations

from pathlib import Path

from pytorch_fid.inception import FID_WEIGHTS_URL

from enco.errors import UserError
from enco.files import StrPath
from enco.weights import cache_path, published_weights


def find_weights(weights: StrPath | None = None, download: bool = False) -> Path:
    """The published weights: the given file, or torch's cache, or downloaded to there; UserError if there are none."""
    path = Path(weights or cache_path(FID_WEIGHTS_URL))
    if not path.is_file() and not download:
        raise UserError(
            f"The Inception weights {path} are missing: put the file from {FID_WEIGHTS_URL} there, or run"
            " `python -m eval weights inception` where there is internet."
        )
    return published_weights(FID_WEIGHTS_URL, path)
