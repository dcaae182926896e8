"""The published Inception weights: where they are, and proof that they are them."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from pytorch_fid.inception import FID_WEIGHTS_URL

from enco.errors import UserError
from enco.files import atomic_path, sha256

WEIGHTS_FILE = Path(FID_WEIGHTS_URL).name


def find_weights(weights: Path | None = None, download: bool = False) -> Path:
    """The published weights: the given file, or torch's cache, or downloaded to there; UserError if there are none."""
    path = weights or Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS_FILE
    if not path.is_file() and download:
        fetch_weights(FID_WEIGHTS_URL, path)
    if not path.is_file():
        raise UserError(
            f"The Inception weights {path} are missing: put the file from {FID_WEIGHTS_URL} there, or add --download."
        )
    check_hash(path, published_hash(WEIGHTS_FILE))
    return path


def fetch_weights(url: str, path: Path) -> None:
    """Download weights to `path`; UserError, and no file, if that fails or they are not what their name promises."""
    import pooch

    with atomic_path(path) as partial:
        try:
            pooch.retrieve(url, known_hash=None, fname=partial.name, path=partial.parent, progressbar=True)
        except Exception as error:
            raise UserError(f"Could not download {url} ({error}): fetch it by hand and put it at {path}.") from error
        check_hash(partial, published_hash(Path(url).name))


def published_hash(name: str) -> str:
    """The start of a file's SHA-256 that torch's convention puts at the end of its name."""
    match = re.search(r"-([0-9a-f]{8,})\.", name)
    if match is None:
        raise ValueError(f"{name} carries no hash")
    return match.group(1)


def check_hash(path: Path, expected: str) -> None:
    """UserError unless the file's SHA-256 starts with `expected`."""
    found = sha256(path)
    if not found.startswith(expected):
        raise UserError(
            f"{path} is not the published file (SHA-256 {found[:8]}..., expected {expected}...): delete it and fetch it"
            " again."
        )
