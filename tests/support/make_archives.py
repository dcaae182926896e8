"""Small archives of the published ones' structure, for tests."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import yaml
from PIL import Image

Files = dict[str, bytes]
SCENES = {"train": ("aachen_000000_000019", "zurich_000001_000019"), "val": ("lindau_000002_000019",)}


def picture(seed: int, size: tuple[int, int] = (24, 24), format: str = "JPEG", **options: Any) -> bytes:
    """Return an image file of random blotches."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).resize(size)
    return encoded(image, format, **options)


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    """Return the content of an image's file."""
    content = io.BytesIO()
    image.save(content, format=format, **options)
    return content.getvalue()


def image_files(counts: Mapping[str, int], top: str = "horses") -> Files:
    """`top/trainA/0.jpg` and so on, a number of images for each folder."""
    names = [f"{folder}/{index}.jpg" for folder, count in counts.items() for index in range(count)]
    return {f"{top}/{name}": picture(seed) for seed, name in enumerate(names)}


def zipped(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    """Return a zip of files and symbolic links."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        for name, target in (links or {}).items():
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, 0o120777 << 16
            archive.writestr(entry, target)
    return content.getvalue()


def tarred(files: Mapping[str, bytes], links: Mapping[str, str] | None = None, hard: bool = False) -> bytes:
    """Return a tar.gz of files and links."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = (tarfile.LNKTYPE if hard else tarfile.SYMTYPE), target
            archive.addfile(member)
    return content.getvalue()


def cityscapes_files(
    size: tuple[int, int] = (64, 32), scenes: Mapping[str, Sequence[str]] = SCENES
) -> tuple[Files, Files]:
    """Return the files of Cityscapes' two archives: photos, and colour maps with label ids, of some scenes by split."""
    photos: Files = {"README": b"", "license.txt": b""}
    maps: Files = {"README": b""}
    rng = np.random.default_rng(1)
    for split, names in {**scenes, "test": ("berlin_000000_000019",)}.items():
        for seed, scene in enumerate(names):
            city = scene.partition("_")[0]
            photos[f"leftImg8bit/{split}/{city}/{scene}_leftImg8bit.png"] = picture(seed, size, "PNG")
            ids = np.kron(rng.choice([0, 7, 11, 23, 26], (4, 8)), np.ones((8, 8))).astype(np.uint8)
            colours = np.dstack([ids * 7, ids * 31, ids * 3, np.full_like(ids, 255)])
            path = f"gtFine/{split}/{city}/{scene}_gtFine"
            maps[f"{path}_labelIds.png"] = encoded(Image.fromarray(ids).resize(size, 0), "PNG")
            maps[f"{path}_instanceIds.png"] = maps[f"{path}_labelIds.png"]
            maps[f"{path}_color.png"] = encoded(Image.fromarray(colours).resize(size, 0), "PNG")
            maps[f"{path}_polygons.json"] = b"{}"
    return photos, maps


def catalogue(dataset: Mapping[str, Any], tasks: Mapping[str, Any] | None = None, name: str = "horses") -> str:
    """Return a datasets.yaml with one data set."""
    about = {"site": "https://example.org/data", "licence": "none", **dataset}
    return yaml.safe_dump({"tasks": tasks or {name: {"dataset": name}}, "datasets": {name: about}}, allow_unicode=True)
