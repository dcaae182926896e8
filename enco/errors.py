"""What goes wrong for a user, said in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable


class UserError(Exception):
    """A mistake that a user can mend: the message says what, where and the cure."""


def unknown(kind: str, given: str, valid: Iterable[str], where: str = "") -> UserError:
    """The error for a name that is not in a list, with the list."""
    place = f" in {where}" if where else ""
    return UserError(f"Unknown {kind} '{given}'{place}: choose one of {', '.join(sorted(valid))}.")


def run_cli(main: Callable[[], int | None]) -> None:
    """Run a command's main function; a UserError ends it with one line on stderr and status 2."""
    try:
        sys.exit(main() or 0)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
