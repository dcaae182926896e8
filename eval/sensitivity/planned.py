"""What the error budget of a table is made of; free of torch and pandas, so that planning starts fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter


@dataclass(frozen=True, kw_only=True)
class PlannedScores:
    """One run's translations of one task: scores, scores under alternatives, and scores of its other generator."""

    row: str
    task: str
    seed: int
    scores: Path
    measured: Path
    other: Path | None = None


@dataclass(frozen=True, kw_only=True)
class PlannedAlternative:
    """One setting of one choice, and the files that its numbers are in.

    `reasons` says by task why the setting is not tried there.
    """

    choice: str
    setting: str
    default: str
    source: Literal["scores", "measured", "other"]
    reasons: dict[str, str]


PLANNED_SCORES = TypeAdapter(list[PlannedScores])
PLANNED_ALTERNATIVES = TypeAdapter(list[PlannedAlternative])
"""Plans as plain values and back, for parameters of Snakemake's rules."""
