"""Weight files that others published, downloaded and proven to be the published ones.

A published file's name carries the start of its SHA-256, as torch's convention has it: vgg16-397923af.pth. Of a file
without that, `digest` is the SHA-256.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

from enco.errors import UserError
from enco.notices import say_once


def cache_path(url: str) -> Path:
    """Return where torch's hub keeps the file of this address: under $TORCH_HOME, by default ~/.cache/torch."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name


def published_weights(url: str, path: Path | None = None, digest: str = "") -> Path:
    """Return the file of this address at `path`, or in torch's cache; download a missing one to there.

    Raises UserError for a failed download, and for a file that is not what its published name, or `digest`, promises.
    """
    from enco.io.fetch import Published, fetch  # brings requests, which a training has no use for

    target = path or cache_path(url)
    if not target.exists():
        say_once(f"Fetching {url} to {target}.")
    return fetch(url, target, Published(digest or published_hash(Path(url).name)))


def chosen_weights(url: str, path: Path | None, digest: str = "") -> Path:
    """Return the published file that the user names, or the one of torch's cache, downloaded if missing.

    Raises UserError for a named file that is missing or not the published one, and as `published_weights`.
    """
    if path is not None and not path.is_file():
        raise UserError(f"The weights {path} do not exist: correct the path, or leave it out to have {url} fetched.")
    return published_weights(url, path, digest)


def published_hash(name: str) -> str:
    """Return the start of a file's SHA-256, which torch's convention puts at the end of the file's name."""
    match = re.search(r"-([0-9a-f]{8,})\.", name)
    if match is None:
        raise ValueError(f"{name} carries no hash")
    return match.group(1)
