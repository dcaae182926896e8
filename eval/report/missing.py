"""What a page could not be made of: one bad file costs its own part, and the reason is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from enco.errors import UserError

T = TypeVar("T")
BROKEN = (UserError, OSError, LookupError, TypeError, ValueError, AttributeError)
"""What reading a torn file, or one of another content, raises."""


class Missing:
    """The parts that a page lacks, by the reason."""

    def __init__(self) -> None:
        self.parts: dict[str, list[str]] = {}

    def add(self, reason: str, part: str) -> None:
        """Keep why a part is not there."""
        self.parts.setdefault(reason, []).append(part)

    def attempt(self, part: str, make: Callable[[], T]) -> T | None:
        """Return what `make` makes; where a file behind it is of no use, keep the reason and return None."""
        try:
            return make()
        except BROKEN as error:
            self.add(_reason(error), part)
            return None


def _reason(error: Exception) -> str:
    said = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
    if isinstance(error, UserError):
        return said
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} cannot be used ({error.strerror})"
    return f"a file behind it {'lacks' if isinstance(error, LookupError) else 'cannot be used:'} {said}"
