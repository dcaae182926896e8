"""What one set of translations scores under the alternatives to the protocol's choices."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from enco.records import FileRecord, Record
from eval.records import Number, RealSetMetrics, read_file


class Outcome(Record):
    """The metrics under one setting, by name; none with the reason where the setting cannot be applied."""

    values: dict[str, Number] = Field(default_factory=dict)
    reason: str = ""


def of_features(found: RealSetMetrics) -> dict[str, float]:
    """Return the metrics that tables print of features, by their names there; those that have a number."""
    values = {"FID": found.frechet_distance, "precision": found.precision, "recall": found.recall}
    return {name: value for name, value in values.items() if value is not None}


class Measured(FileRecord):
    """A file of `python -m eval sensitivity measure`: outcomes by choice and setting."""

    task: str
    outcomes: dict[str, dict[str, Outcome]]


def read_measured(path: Path) -> Measured:
    """Read what `python -m eval sensitivity measure` wrote; UserError for a missing file or one of another version."""
    return read_file(Measured, path, "file of scores under alternatives", "delete the file and have it made again")
