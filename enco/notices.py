"""Notices to users on stderr, each printed once by a process."""

from __future__ import annotations

import sys

_said: dict[object, object] = {}


def say_once(text: str, key: object = None) -> None:
    """Print a sentence on stderr unless this process has printed one of the same key, by default the sentence."""
    mine = object()
    if _said.setdefault(text if key is None else key, mine) is mine:  # in one step, as images are decoded in threads
        print(text, file=sys.stderr, flush=True)
