"""Duplicate images where there should be none: in training and test sets, or in both domains."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from enco.data.folders import SETS, decode_all, name_in, printable
from enco.data.reading import DEFAULT_READING, Reading
from enco.io.files import sha256

Group = list[tuple[str, Path]]
"""Files of equal content, each with its set."""
LETTERS = {"in a training and in a test set": slice(-1), "in domain A and in domain B": slice(-1, None)}
"""Where no image should be twice, and which letters of a set's name tell the two places apart."""


def shared_images(root: Path, reading: Reading = DEFAULT_READING) -> list[str]:
    """Return a sentence for each kind of duplicates in a data folder, with the number and the first two files."""
    groups = equal_files({name: reading.files(root / name) for name in SETS})
    found = []
    for where, letters in LETTERS.items():
        sides = [{name[letters]: path for name, path in reversed(group)} for group in groups]
        shared = [list(paths.values()) for paths in sides if len(paths) > 1]
        if shared:
            one, other = sorted(printable(name_in(root, path)) for path in shared[0])
            images = "1 image" if len(shared) == 1 else f"{len(shared)} images"
            found.append(f"{printable(str(root))} has {images} byte for byte {where}, such as {one} and {other}.")
    return found


def equal_files(sets: Mapping[str, Sequence[Path]]) -> list[Group]:
    """Return groups of two or more files of equal content, in the files' order; a file of a unique size is not read."""
    files = [(name, path) for name, paths in sets.items() for path in paths]
    by_size = _grouped(files, [path.stat().st_size for _, path in files])
    alike = [file for group in by_size for file in group]
    return _grouped(alike, decode_all([path for _, path in alike], sha256))


def _grouped(files: Group, keys: Sequence[object]) -> list[Group]:
    groups: defaultdict[object, Group] = defaultdict(list)
    for file, key in zip(files, keys, strict=True):
        groups[key].append(file)
    return [group for group in groups.values() if len(group) > 1]
