"""A few files in place of a folder of many, for machines that give few back, and none over 16 MiB."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

from enco.io.files import atomic_path

LARGEST = 15 * 2**20
"""Bytes that the bundled files have together at most."""
LOOSE = ("summary.txt", "jobs.csv", "speed.csv")
"""Files that lie beside the bundle, too."""
TRACES = "trace-*"
BUNDLE = "results.tar.gz"


def bundle(out: Path, folder: Path) -> list[str]:
    """Write `results.tar.gz`, with files of OUT up to `LARGEST` bytes, and the loose ones to a folder.

    Those of OUT itself come first, and the small before the large: a training's pictures are many. Traces come last.
    A file without room keeps out none after it. Returns the names of the files that are left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = [path for path in out.rglob("*") if path.is_file() and folder not in path.parents]
    total, left_out = 0, list[str]()
    with atomic_path(folder / BUNDLE) as partial, tarfile.open(partial, "w:gz") as archive:
        for path in sorted(own, key=lambda path: (path.match(TRACES), len(path.parts), path.stat().st_size, path)):
            size = path.stat().st_size
            if total + size > LARGEST:
                left_out.append(str(path.relative_to(out)))
            else:
                archive.add(path, path.relative_to(out))
                total += size
    for name in LOOSE:
        if (out / name).exists():
            with atomic_path(folder / name) as partial:
                shutil.copyfile(out / name, partial)
    return left_out
