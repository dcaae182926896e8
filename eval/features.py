"""Features of image sets, kept with what they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from enco.errors import UserError
from enco.files import StrPath, atomic_path


@dataclass(frozen=True)
class Features:
    """N x 2048 float32 features with the files they are of, and everything else that decides them."""

    features: NDArray[np.float32]
    files: tuple[str, ...]
    sha256: tuple[str, ...]
    extractor: str
    extractor_hash: str
    size: int
    """Side in pixels that images were resized to before the extractor's own resize; 0 for their own size."""
    legacy_rounding: bool

    def __len__(self) -> int:
        return len(self.files)

    def select(self, rows: Sequence[int]) -> Features:
        """The features of some rows, which may repeat."""
        return Features(
            self.features[list(rows)],
            tuple(self.files[row] for row in rows),
            tuple(self.sha256[row] for row in rows),
            self.extractor,
            self.extractor_hash,
            self.size,
            self.legacy_rounding,
        )

    def save(self, path: StrPath) -> None:
        """Write a .npz file, whole."""
        content: dict[str, Any] = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
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
                str(content["extractor"]),
                str(content["extractor_hash"]),
                int(content["size"]),
                bool(content["legacy_rounding"]),
            )
    except FileNotFoundError as error:
        raise UserError(f"The features file {path} does not exist: make it with `python -m eval features`.") from error
    except (KeyError, ValueError, OSError, EOFError, BadZipFile, AttributeError, TypeError) as error:
        raise UserError(f"{path} is no features file: make it again with `python -m eval features`.") from error


def check_comparable(a: Features, b: Features) -> None:
    """UserError unless both were made by one extractor."""
    if (a.extractor, a.extractor_hash) != (b.extractor, b.extractor_hash):
        raise UserError(
            f"The features are of two extractors, {a.extractor} and {b.extractor}: extract both sets with one."
        )
