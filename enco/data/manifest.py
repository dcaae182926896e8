"""manifest.json: what exactly a data folder holds, and one hash that stands for all of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from enco.data.folders import LABEL_SETS, SETS, decode_all, list_images, load_size
from enco.files import read_json, sha256, write_json

NAME = "manifest.json"


def write_manifest(root: Path) -> str:
    """Write manifest.json of a data folder and return its hash.

    Per set it lists each file's name, bytes, SHA-256, width and height. Raises UserError if one of the four sets is
    missing or empty or an image does not decode; label sets are listed where there are any.
    """
    names = [*SETS, *(name for name in LABEL_SETS if (root / name).is_dir())]
    sets = {name: decode_all(list_images(root / name), _entry) for name in names}
    digest = hashlib.sha256(json.dumps(sets, sort_keys=True).encode()).hexdigest()
    write_json(root / NAME, {"hash": digest, "sets": sets})
    return digest


def read_manifest_hash(root: Path) -> str:
    """The hash over all of a data folder's files; UserError if it has no manifest."""
    return str(read_json(root / NAME)["hash"])


def _entry(path: Path) -> dict[str, Any]:
    width, height = load_size(path)
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": sha256(path),
        "width": width,
        "height": height,
    }
