"""What a figure is made of; free of torch and pandas, so that planning starts fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from enco.data.reading import Reading


@dataclass(frozen=True, kw_only=True)
class PlannedFigure:
    """The figure of one task: test images, translated by each of several rows.

    One row, the judge, decides which test images are shown, by the features of its translations and of real targets.
    """

    headers: tuple[str, ...]
    """The names of the rows."""
    translated: tuple[Path, ...]
    """Each row's folder of translated test images."""
    sources: Path
    targets: Path
    judge: str
    """The name of the judge."""
    judge_features: Path
    real_features: Path
    size: int
    """Side of a test image, in pixels."""
    reading: Reading

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file and folder that the figure is made of."""
        return (*self.translated, self.sources, self.targets, self.judge_features, self.real_features)


@dataclass(frozen=True)
class PlannedCurve:
    """The metrics of one run's saved generators: a row and a seed, and the selection report that has them."""

    row: str
    label: str
    seed: int
    report: Path
