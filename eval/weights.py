"""The published weights that can be fetched by name, and the record that the pipeline keeps of such a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytorch_fid.inception import FID_WEIGHTS_URL

from enco.errors import UserError, unknown
from enco.io.fetch import Published
from enco.io.files import sha256
from enco.io.weights import cache_path, published_hash, published_weights
from enco.networks import vgg
from eval.metrics import dinov2
from eval.segmentation.releases import IMAGENET_URL, PUBLISHED, check_there

URLS = {"inception": FID_WEIGHTS_URL, "dinov2": dinov2.URL, "vgg16": vgg.URL, "drn-imagenet": IMAGENET_URL}
DIGESTS = {"dinov2": dinov2.SHA256}
"""The SHA-256 of files whose names do not carry it."""


def record(name: str, file: Path | None = None) -> dict[str, Any]:
    """Find a published file in torch's cache, or fetch the file there, and return name, path, bytes, SHA-256, address.

    A segmentation network can only be found, at `file`. Raises UserError for an unknown name, and for a file that is
    not there and cannot be fetched, or is not the published one.
    """
    if name not in (*URLS, *PUBLISHED):
        raise unknown("weights", name, (*URLS, *PUBLISHED))
    if file and name in URLS:
        raise UserError(f"--file says where negcut or fyu was put, and {name} is kept in torch's cache: leave it out.")
    path = _placed(name, file) if name in PUBLISHED else _fetched(name)
    return {
        "name": name,
        "file": str(path),
        "bytes": path.stat().st_size,
        "sha256": sha256(path),
        "url": URLS[name] if name in URLS else PUBLISHED[name].source,
    }


def _fetched(name: str) -> Path:
    return published_weights(URLS[name], digest=DIGESTS.get(name, ""))


def _placed(network: str, file: Path | None) -> Path:
    """Return the file of a segmentation network that the user has put in place; UserError where there is none."""
    path = file or Path("weights", PUBLISHED[network].file)
    check_there(path, network)
    return path


def state(name: str, file: Path | None = None) -> tuple[Path, str]:
    """Return where a published file is kept (a segmentation network's: `file`), and `ready` or what to do about it.

    Nothing is fetched.
    """
    if name in PUBLISHED:
        try:
            return _placed(name, file), "ready"
        except UserError as error:
            return file or Path("weights", PUBLISHED[name].file), str(error)
    path = cache_path(URLS[name])
    if not path.is_file():
        return path, "not fetched yet: `snakemake weights` does it"
    wrong = Published(DIGESTS.get(name) or published_hash(path.name)).mismatch(path)
    return path, f"not the published file ({wrong}): move it away" if wrong else "ready"
