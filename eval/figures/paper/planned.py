"""What a figure of the paper is made of; free of torch and pandas, so that planning starts fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from enco.data.reading import Reading
from eval.figures.paper.options import ContentScore, FigureOptions, by_score


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One training, and its translations of a task's test images."""

    variant: str
    label: str
    folder: Path
    generator: Path
    translated: Path
    features: Path
    """Of the translations."""
    backward: bool
    """Whether the task is the opposite of the one that was trained."""


@dataclass(frozen=True, kw_only=True)
class PlannedTask:
    """The test images of one task, the runs that are shown, and the run that decides which images are."""

    task: str
    sources: Path
    source_features: Path
    size: int
    """Side of a test image, in pixels."""
    reading: Reading
    judge: PlannedRun
    runs: tuple[PlannedRun, ...]

    def run(self, variant: str) -> PlannedRun | None:
        """Return the run of a variant; None where the task has none."""
        return next((run for run in self.runs if run.variant == variant), None)


@dataclass(frozen=True, kw_only=True)
class PlannedPaperFigure:
    """One figure: tasks with the runs that there are, and a sentence for whatever the scale lacks."""

    name: str
    options: FigureOptions
    score: ContentScore
    tasks: tuple[PlannedTask, ...]
    lacks: tuple[str, ...]
    choices: str
    """Every choice behind the figure, as a sentence."""
    seed: int
    """Of the runs."""

    @property
    def by_score(self) -> bool:
        """Whether a content score decides which images are shown."""
        return by_score(self.options)
