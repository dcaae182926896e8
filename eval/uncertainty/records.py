"""The record of one set of images: every metric with its sampling uncertainty, and the replicates behind that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from enco.errors import UserError
from enco.io.files import StrPath, atomic_path
from enco.records import FileRecord, Record
from eval.records import ALONE, Number, read_file
from eval.uncertainty.gram import Matrix

Replicates = Mapping[str, Matrix]
"""Replicates by the name of `place`."""


class Estimate(Record):
    """A metric, and the standard deviation that the metric has over other images; None with the reason why not."""

    value: Number
    sampling_sd: Number | None
    reason: str = ""


class Uncertainty(FileRecord):
    """A file of `python -m eval.uncertainty`."""

    task: str
    seed: int
    replicates: int
    k: int
    """Neighbours of precision, recall, density and coverage."""
    images: dict[str, int]
    """Images by set: generated, paired, full."""
    metrics: dict[str, dict[str, Estimate]]
    """By set of real images, or ALONE, and by metric."""
    missing: dict[str, dict[str, str]]
    """Why a metric has no value, by the same."""
    beside: dict[str, str] = Field(default_factory=dict)
    """The SHA-256 of the weights of every further extractor, by its name."""
    code: str = ""
    """Digest of the code that measured."""

    @property
    def is_sure(self) -> bool:
        """Whether the uncertainty of any metric is known."""
        return any(one.sampling_sd is not None for metrics in self.metrics.values() for one in metrics.values())

    def sampling_sd(self, real_set: str, metric: str) -> float | None:
        """Return the sampling uncertainty of a metric of tables, whose real set may be none; None if not known."""
        estimate = self.metrics.get(real_set or ALONE, {}).get(drawn(metric))
        return estimate.sampling_sd if estimate else None


DRAWN = {"FID": "frechet_distance", "recall": "recall_exact"}
"""Replicates that stand for a metric of tables: piq's recall varies as the exact one does."""


def drawn(metric: str) -> str:
    """Return what a metric of tables is called among replicates."""
    return DRAWN.get(metric, metric)


def place(real_set: str, metric: str) -> str:
    """Name a metric against a set of real images: `paired frechet_distance`, `images content_cosine`."""
    return f"{real_set or ALONE} {metric}"


def read_uncertainty(path: Path) -> Uncertainty:
    """Read a file of `python -m eval.uncertainty`; UserError for one that is missing or of another version."""
    return read_file(Uncertainty, path, "file of uncertainties", "delete the file and have it made again")


def save_arrays(arrays: Mapping[str, NDArray[np.float64]], path: Path) -> None:
    """Write arrays by name, such as replicates, as a .npz file, whole."""
    with atomic_path(path) as partial, partial.open("wb") as file:
        np.savez(file, **dict(arrays))  # type: ignore[arg-type]


def load_arrays(path: StrPath) -> dict[str, NDArray[np.float64]]:
    """Read what `save_arrays` wrote; UserError for a file that is missing or something else."""
    try:
        with np.load(path, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except (OSError, ValueError, AttributeError, EOFError, BadZipFile) as error:
        raise UserError(
            f"{path} is missing or no file of `python -m eval.uncertainty`: make it again by that command."
        ) from error
