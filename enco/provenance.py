"""Where a result comes from: code, versions, device and data."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enco.data.folders import SETS, list_images
from enco.data.manifest import NAME, read_manifest_hash, read_source, verify_manifest

if TYPE_CHECKING:
    import torch

HERE = Path(__file__).resolve()


def git_state() -> dict[str, Any]:
    """Commit of this code and whether the tree differs from it; both None where the code is not in git."""
    if _git("ls-files", "--error-unmatch", HERE.name) is None:
        return {"commit": None, "dirty": None}
    return {"commit": _git("rev-parse", "HEAD"), "dirty": bool(_git("status", "--porcelain"))}


def versions() -> dict[str, str | None]:
    """Versions of Python and of the libraries that decide numbers, without importing them."""
    names = ("torch", "torchvision", "numpy", "pillow")
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


def device_name(device: torch.device) -> str:
    """The device's model where it is a GPU, else its type and the machine's architecture and threads."""
    import torch  # here, as what only names a commit starts in a second without it

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {torch.get_num_threads()} threads)"


def data_hash(root: Path) -> str:
    """The manifest's hash of a data folder; without a manifest, a hash of its files' names and sizes.

    Raises UserError if the images are no longer those of the manifest.
    """
    if (root / NAME).exists():
        verify_manifest(root)
        return read_manifest_hash(root)
    folders = [root / name for name in SETS if (root / name).is_dir()]
    listing = [(folder.name, file.name, file.stat().st_size) for folder in folders for file in list_images(folder)]
    return hashlib.sha256(repr(listing).encode()).hexdigest()


def data_source(root: Path) -> dict[str, Any]:
    """What a data folder's images were made from, as its manifest says; empty where that is not known."""
    return read_source(root) if (root / NAME).exists() else {}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(HERE.parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
