"""What the files behind a table have in common; UserError names two that differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from enco.errors import UserError
from eval.records import SetScores

S = TypeVar("S", bound=SetScores)
T = TypeVar("T")
ScoredFiles = Mapping[Path, SetScores]
"""Scores files of runs and of untranslated inputs."""


def agreed(scores: Mapping[Path, S], get: Callable[[S], T], what: str) -> T:
    """Return what all scores files say alike; `what` is its name in the plural, and errors are those of `agree`."""
    return agree({path: get(content) for path, content in scores.items()}, what)


def agree(values: Mapping[Path, T], what: str, cure: str = "remake one of them") -> T:
    """Return the one value of all files; UserError names two files that differ, and their values."""
    (first, value), *others = values.items()
    for path, other in others:
        if other != value:
            raise UserError(f"One table cannot mix {what}: {first} has '{value}', {path} has '{other}'; {cure}.")
    return value


def by_task(scores: ScoredFiles) -> dict[str, dict[Path, SetScores]]:
    """Return the scores files of each task."""
    found: dict[str, dict[Path, SetScores]] = {}
    for path, content in scores.items():
        found.setdefault(content.task, {})[path] = content
    return found


def short(digest: str | None) -> str:
    """Return the start of a SHA-256."""
    return f"sha256 {digest[:16]}" if digest else "unknown"
