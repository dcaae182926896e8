"""The wildcards of rules: their names, and regular expressions of their values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol


class Wildcards(Protocol):
    """The wildcards of a job; which of these exist depends on the job's rule."""

    scale: str
    dataset: str
    task: str
    variant: str
    seed: str
    test_task: str
    selection: str
    table: str
    part: str
    weights: str
    released: str
    extractor: str
    figure: str


def one_of_regex(names: Iterable[str]) -> str:
    """Return a regular expression that matches exactly these names, and nothing where there are none."""
    return "|".join(re.escape(name) for name in sorted(set(names), key=lambda name: (-len(name), name))) or "(?!)"
