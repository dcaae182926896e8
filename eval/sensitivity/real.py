"""The features of real test images under those alternatives that touch real images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from enco.io.files import atomic_folder
from eval.config import Preparation
from eval.metrics.extraction import extract_features
from eval.metrics.extractor import Extractor
from eval.metrics.features import Features, load_features
from eval.metrics.resizing import at_entrance
from eval.sensitivity.choices import Alternatives, spelled


def write_real(
    files: list[Path], root: Path, out: Path, own: Preparation, extractor: Extractor, asked: Alternatives, batch: int
) -> list[str]:
    """Write the features of all real images under each alternative into a folder, and return the files' names.

    `own` is the scale's preparation. The folder appears whole.
    """
    names = []
    with atomic_folder(out) as partial:
        for choice, setting, preparation, network in variants(own, extractor, asked):
            found = extract_features(files, network, preparation, batch_size=batch, root=root)
            found.save(partial / file_name(choice, setting))
            names.append(file_name(choice, setting))
    return names


def variants(
    own: Preparation, extractor: Extractor, asked: Alternatives
) -> Iterator[tuple[str, object, Preparation, Extractor]]:
    """Yield choice, setting, preparation and extractor of each alternative that touches real images."""
    for kind in asked.resize:
        yield "resize", kind, own.model_copy(update={"filter": kind}), extractor
    for kind in asked.network_resize:
        yield "network_resize", kind, own, replace(extractor, resize=at_entrance(kind))
    for rounding in asked.legacy_rounding:
        yield "legacy_rounding", rounding, own.model_copy(update={"legacy_rounding": rounding}), extractor


def file_name(choice: str, setting: object) -> str:
    """Return the name of the features file of an alternative."""
    return f"{choice}={spelled(setting)}.npz"


def read_real(folder: Path, choice: str, setting: object, paired: Features) -> Features:
    """Read the features of an alternative, of the images of the paired real set; UserError where they are missing."""
    full = load_features(folder / file_name(choice, setting))
    rows = {name: row for row, name in enumerate(full.files)}
    return full.select([rows[name] for name in paired.files])
