"""manifest.json: the files of a data folder, and one hash that stands for all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from enco.data.folders import SETS, decode_all, name_in, present_sets
from enco.data.reading import DEFAULT_READING, Reading
from enco.errors import UserError
from enco.io.files import read_json, sha256, write_json

NAME = "manifest.json"
TRAINING_SETS = ("trainA", "trainB")
Entry = dict[str, Any]
"""One image file: name, bytes, SHA-256, width and height."""


def write_manifest(root: Path, source: Mapping[str, Any] | None = None, reading: Reading = DEFAULT_READING) -> str:
    """Write manifest.json of a data folder, with the `source` of the images, and return the hash of the images.

    The manifest lists each file of each set, label sets included: name (path where there are sub-folders), bytes,
    SHA-256, width and height. Raises UserError if one of the four sets is missing or empty or an image does not decode.
    """
    sets = {name: _read_entries(root / name, reading) for name in present_sets(root)}
    return save_manifest(root, sets, source)


def save_manifest(root: Path, sets: Mapping[str, list[Entry]], source: Mapping[str, Any] | None = None) -> str:
    """Write manifest.json from the entries of each set and the images' `source`, and return the hash of the images.

    The hash is of the images alone: equal images of different sources have equal hashes.
    """
    digest = hashlib.sha256(json.dumps(sets, sort_keys=True).encode()).hexdigest()
    write_json(root / NAME, {"hash": digest, **({"source": source} if source else {}), "sets": sets})
    return digest


def entry(name: str, content: bytes, size: tuple[int, int]) -> Entry:
    """Return the manifest's entry for a file of this name and content, an image of (width, height) `size`."""
    digest = hashlib.sha256(content).hexdigest()
    return {"file": name, "bytes": len(content), "sha256": digest, "width": size[0], "height": size[1]}


def read_counts(root: Path) -> dict[str, int]:
    """Read the number of images in each set from the manifest."""
    return {name: len(entries) for name, entries in _read(root)["sets"].items()}


def read_hashes(root: Path) -> dict[str, str]:
    """Read the SHA-256 of the images of the four sets from the manifest, by names such as trainA/1.jpg."""
    sets = {name: entries for name, entries in _read(root)["sets"].items() if name in SETS}
    return {f"{name}/{entry['file']}": entry["sha256"] for name, entries in sets.items() for entry in entries}


def read_set_hashes(root: Path) -> dict[str, str]:
    """Read a hash of the images of each set from the manifest, label sets included: that of `hash_set`."""
    sets = _read(root)["sets"]
    return {name: hash_images((one["file"], one["sha256"]) for one in entries) for name, entries in sets.items()}


def hash_set(folder: Path, recursive: bool = False) -> str:
    """Hash name and content of the images of one set's folder."""
    files = Reading(recursive).files(folder)
    return hash_images(zip((name_in(folder, file) for file in files), decode_all(files, sha256), strict=True))


def read_source(root: Path) -> dict[str, Any]:
    """Read what a data folder's images were made from; empty for a folder that is the user's own."""
    return dict(_read(root).get("source") or {})


def training_hash(root: Path, recursive: bool = False) -> str:
    """Hash set, name and content of a data folder's training images, equally with and without a manifest.

    Raises UserError if an image is not, or no longer, what the manifest says, and for a missing or empty set.
    """
    if (root / NAME).exists():
        verify_manifest(root, recursive)
        return read_training_hash(root)
    images = [(root / name, path) for name in TRAINING_SETS for path in Reading(recursive).files(root / name)]
    hashes = decode_all([path for _, path in images], sha256)
    return hash_images((f.name, name_in(f, path), digest) for (f, path), digest in zip(images, hashes, strict=True))


def read_training_hash(root: Path) -> str:
    """Read the hash of a data folder's training images from the manifest; UserError if there is none."""
    sets = _read(root)["sets"]
    return hash_images((name, one["file"], one["sha256"]) for name in TRAINING_SETS for one in sets.get(name, []))


def hash_images(files: Iterable[tuple[str, ...]]) -> str:
    """Hash names and contents (SHA-256) of images, with their sets where there are several, whatever their order."""
    return hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()


def read_manifest_hash(root: Path) -> str:
    """Read the hash of all images of a data folder from the manifest; UserError if there is none."""
    return str(_read(root)["hash"])


def verify_manifest(root: Path, recursive: bool = False) -> None:
    """Raise UserError naming the first image that is not, or no longer, what manifest.json says.

    Names and sizes are compared, and the contents of those files alone that were modified since the manifest was
    written.
    """
    written = (root / NAME).stat().st_mtime
    for name, entries in _read(root)["sets"].items():
        known = {entry["file"]: entry for entry in entries}
        files = Reading(recursive).files(root / name)
        for file in sorted({*known, *(name_in(root / name, path) for path in files)}):
            path = root / name / file
            if file not in known or not _is_same(path, known[file], written):
                cure = f"put back what it was, or write the manifest anew (`python -m enco.datasets manifest {root}`)"
                raise UserError(f"{path} changed since {root / NAME} was written: {cure}.")


def _is_same(path: Path, entry: Entry, written: float) -> bool:
    if not path.is_file() or path.stat().st_size != entry["bytes"]:
        return False
    return path.stat().st_mtime < written or sha256(path) == entry["sha256"]


def _read(root: Path) -> dict[str, Any]:
    content = read_json(root / NAME)
    if not isinstance(content, dict) or not {"hash", "sets"} <= content.keys():
        raise UserError(f"{root / NAME} is no manifest of a data folder: move it away and run again.")
    return content


def _read_entries(folder: Path, reading: Reading) -> list[Entry]:
    def read(path: Path) -> Entry:
        return entry(name_in(folder, path), path.read_bytes(), reading.load_size(path))

    return decode_all(reading.files(folder), read)
