"""Lists of every file's SHA-256, as `sha256sum` writes them, and how a data folder differs from a list."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from enco.data.folders import SETS, decode_all, name_in, printable
from enco.data.reading import DEFAULT_READING, Reading
from enco.datasets.catalogue import find_dataset, load_datasets
from enco.errors import UserError
from enco.io.files import sha256

LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
Hashes = dict[str, str]
"""SHA-256 by name, such as trainA/1.jpg."""


def load_hashes(path: Path) -> Hashes:
    """Read a list; UserError for a missing one, or a line that `sha256sum --check` would not read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The hashes in {path} cannot be read ({error}): correct 'hashes' of the data set.") from error
    found = [LINE.fullmatch(line) for line in lines]
    for number, match in enumerate(found, start=1):
        if match is None:
            raise UserError(f"Line {number} of {path} is not a SHA-256, two spaces and a name: write it anew.")
    return {match[2]: match[1] for match in found if match}


def published_hashes(name: str, catalogue: Path) -> Hashes:
    """Read the list of a data set of the catalogue; UserError, naming the data sets with a list, if there is none."""
    path = find_dataset(name, catalogue).hashes
    if path is None:
        known = ", ".join(sorted(key for key, dataset in load_datasets(catalogue).items() if dataset.hashes))
        raise UserError(f"No list of {name}'s hashes is known in {catalogue}: --against takes {known or 'none there'}.")
    return load_hashes(path)


def hash_folder(root: Path, reading: Reading = DEFAULT_READING) -> Hashes:
    """Hash every image of a data folder's four sets; UserError for a missing or empty set."""
    files = [file for name in SETS for file in reading.files(root / name)]
    return dict(zip((name_in(root, file) for file in files), decode_all(files, sha256), strict=True))


def hash_differences(found: Mapping[str, str], published: Mapping[str, str]) -> str:
    """Say how a folder differs from a list, as in '2 differ, first trainA/1.jpg'; empty without differences."""
    by_kind = {
        "differ": [name for name in published if name in found and found[name] != published[name]],
        "are missing": [name for name in published if name not in found],
        "are surplus": [name for name in found if name not in published],
    }
    return "; ".join(f"{len(names)} {kind}, first {printable(min(names))}" for kind, names in by_kind.items() if names)


def check_hashes(place: object, found: Mapping[str, str], published: Mapping[str, str], cure: str) -> None:
    """Raise UserError, with counts and the first names, unless every file and no other is as published."""
    differences = hash_differences(found, published)
    if differences:
        raise UserError(f"{place} has not the {len(published)} files that were published ({differences}): {cure}.")
