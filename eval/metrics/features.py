"""Features of image sets, kept with the files and settings that decide features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from enco.config.run import Levels
from enco.errors import UserError
from enco.io.files import StrPath, atomic_path
from eval.config import Filter
from eval.records import ExtractorRecord


@dataclass(frozen=True)
class Features:
    """N x D float32 features with the image files, and everything else that decides features."""

    features: NDArray[np.float32]
    files: tuple[str, ...]
    sha256: tuple[str, ...]
    extractor: ExtractorRecord
    extractor_hash: str
    size: int
    """Side in pixels that images were resized to before the extractor's own resize; 0 for their own size."""
    legacy_rounding: bool
    filter: Filter = "bicubic"
    """The filter of that resize."""
    levels: Levels = "16bit"
    """How many bits of 16-bit grey were used."""
    confusion: NDArray[np.int64] | None = None
    """Pixels of each image by true and predicted class, N x classes x classes; None for images without label maps."""

    def __len__(self) -> int:
        return len(self.files)

    def select(self, rows: Sequence[int]) -> Features:
        """Return the features of some rows, which may repeat."""
        files, hashes = (tuple(names[row] for row in rows) for names in (self.files, self.sha256))
        confusion = None if self.confusion is None else self.confusion[list(rows)]
        return replace(self, features=self.features[list(rows)], files=files, sha256=hashes, confusion=confusion)

    def save(self, path: StrPath) -> None:
        """Write a .npz file, whole."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        content: dict[str, Any] = {name: np.asarray(value) for name, value in known.items() if value is not None}
        content["extractor"] = np.asarray(self.extractor.model_dump_json())
        with atomic_path(Path(path)) as partial, partial.open("wb") as file:
            np.savez(file, **content)


def load_features(path: StrPath) -> Features:
    """Read what `Features.save` wrote; UserError if the file is missing or is something else."""
    try:
        with np.load(path, allow_pickle=False) as content:
            return Features(
                content["features"],
                tuple(content["files"].tolist()),
                tuple(content["sha256"].tolist()),
                ExtractorRecord.model_validate_json(str(content["extractor"])),
                str(content["extractor_hash"]),
                int(content["size"]),
                bool(content["legacy_rounding"]),
                content["filter"].item(),
                content["levels"].item(),
                content.get("confusion"),
            )
    except FileNotFoundError as error:
        raise UserError(f"The features file {path} does not exist: make it with `python -m eval features`.") from error
    except (KeyError, ValueError, OSError, EOFError, BadZipFile, AttributeError, TypeError) as error:
        raise UserError(
            f"{path} is no features file: name a folder of images, or a file that `python -m eval features` has made."
        ) from error


def check_comparable(a: Features, b: Features) -> None:
    """Raise UserError, with what differs, unless one extractor made both of images that were prepared alike.

    Rounding may differ: real images are made to lose what translations lost when they were saved.
    """
    odd = [f"{name} {x} and {y}" for name, x, y in zip(COMPARED, *map(_preparation, (a, b)), strict=True) if x != y]
    if odd:
        raise UserError(f"The features are not comparable ({', '.join(odd)}): extract both sets alike.")


def check_prepared(path: StrPath, features: Features, asked: Mapping[str, object]) -> None:
    """Raise UserError if a features file was made otherwise than options ask, which have no effect on files.

    Rounding that is not asked for is no matter, as `check_comparable` says.
    """
    made = {
        "extractor": features.extractor.kind,
        "seed": features.extractor.seed,
        "input_size": features.extractor.input_size,
        "size": features.size,
        "filter": features.filter,
        "legacy_rounding": features.legacy_rounding,
        "levels": features.levels,
    }
    for name, value in asked.items():
        if value is not None and made[name] != value and not (name == "legacy_rounding" and not value):
            raise UserError(
                f"{path} was made {_with(name, made[name])}, not {_with(name, value)}: give the options that the file"
                " was made with, or make another with `python -m eval features`."
            )


def _with(name: str, value: object) -> str:
    """Return 'with --size 32', 'without --legacy-rounding'."""
    option = f"--{name.replace('_', '-')}"
    if value is None or isinstance(value, bool):
        return f"{'with' if value else 'without'} {option}"
    return f"with {option} {value}"


COMPARED = ("extractor", "weights", "size", "filter", "levels")


def _preparation(features: Features) -> tuple[object, ...]:
    """Return what must be equal for two sets to be comparable, in the order of COMPARED."""
    weights, size = features.extractor_hash[:16], f"{features.size} px" if features.size else "as stored"
    return features.extractor, weights, size, features.filter, features.levels
