"""The numbers that a table wants, each with its file; free of pandas, so that planning starts fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from eval.records import replicates_file
from eval.tables.columns import METRICS


@dataclass(frozen=True, kw_only=True)
class PlannedCell:
    """One number that a table wants for one seed; while there is no file for the number, `reason` says why."""

    row: str
    task: str
    metric: str
    seed: int
    variant: str = ""
    run: str = ""
    scores: Path | None = None
    timing: Path | None = None
    reference: Path | None = None
    """Scores of images that no run made: the untranslated inputs, or what an imported generator translated."""
    uncertainty: Path | None = None
    """What `python -m eval.uncertainty` says of the scored images; None for scores without that."""
    reason: str = ""

    @property
    def file(self) -> Path | None:
        """The file that holds the number."""
        files = {"timing": self.timing, "uncertainty": self.uncertainty, "scores": self.scored}
        return files[METRICS[self.metric].source]

    @property
    def files(self) -> list[Path]:
        """All files behind the number."""
        replicates = replicates_file(self.uncertainty) if self.uncertainty else None
        return [path for path in (self.scored, self.timing, self.uncertainty, replicates) if path]

    @property
    def scored(self) -> Path | None:
        """The scores file, of translations or of untranslated inputs."""
        return self.scores or self.reference


PLANNED_CELLS = TypeAdapter(list[PlannedCell])
"""Planned cells as plain values and back, for parameters of Snakemake's rules."""


def is_timed(metric: str) -> bool:
    """Return whether a metric's numbers are in a timing file; the others are in scores files."""
    return metric in METRICS and METRICS[metric].source == "timing"
