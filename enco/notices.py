"""What a user should know, said once: on stderr, and by each process only the first time."""

from __future__ import annotations

import sys

_said: set[object] = set()


def say_once(text: str, key: object = None) -> None:
    """Print a sentence on stderr unless this process has printed one of the same key, by default the sentence."""
    key = text if key is None else key
    if key not in _said:
        _said.add(key)
        print(text, file=sys.stderr, flush=True)
