"""A limit of time for work that is done in parts."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

Part = TypeVar("Part")


def in_time(parts: Sequence[Part], seconds: float) -> Iterator[Part]:
    """Yield parts of some work while one as long as the longest so far would end in time; say where it ends early."""
    begin, longest = time.monotonic(), 0.0
    for done, part in enumerate(parts):
        start = time.monotonic()
        if start - begin + longest > seconds:
            print(f"{done} of {len(parts)} are done in {seconds:.0f} s.", file=sys.stderr, flush=True)
            return
        yield part
        longest = max(longest, time.monotonic() - start)
