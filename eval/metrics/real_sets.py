"""The real images that stand for the target domain: every test image once, or the set of published numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar

T = TypeVar("T")
Variant = Literal["paired", "full"]


def real_set(sources: Sequence[object], targets: Sequence[T], variant: Variant) -> list[T]:
    """Return the real images to compare translations of `sources` with.

    `full` is every target once. `paired` is what the results folder of the CUT and DCLGAN test scripts holds: those
    scripts make max(len(sources), len(targets)) steps over both sides, each modulo its length, and save a step's real
    image under its source's name, so that a later step overwrites an earlier one. `paired` has an image per source.
    """
    if variant == "full":
        return list(targets)
    steps = max(len(sources), len(targets))
    last_target = {step % len(sources): step % len(targets) for step in range(steps)}
    return [targets[last_target[source]] for source in range(len(sources))]
