"""The published Inception weights, found or fetched, and checked by their SHA-256."""

from __future__ import annotations

from pathlib import Path

from pytorch_fid.inception import FID_WEIGHTS_URL

from enco.io.files import StrPath
from enco.io.weights import chosen_weights


def find_weights(weights: StrPath | None = None) -> Path:
    """Find the given file, or that of torch's cache, fetched if missing; UserError unless it is the published one."""
    return chosen_weights(FID_WEIGHTS_URL, Path(weights) if weights else None)
