"""The record of an import, which the generator file keeps under `imported`. Free of torch."""

from __future__ import annotations

from typing import Any, Literal

from enco.config.run import Direction
from enco.records import Record


class ImportedFile(Record):
    """A file that a generator was imported from."""

    name: str
    sha256: str
    bytes: int


class ImportRecord(Record):
    """The origin of an imported generator."""

    method: str
    layout: str
    """The layout of the files, by its name in enco/interchange/layouts.py."""
    options: dict[str, Any]
    """All options of the method: read off the files, given by the user, or by default."""
    direction: Direction | None
    """The authors' domains that the generator translates between; None where neither files nor user say so."""
    directions: Literal["both", "forward"]
    heads: bool
    """Whether the heads were imported, too."""
    files: tuple[ImportedFile, ...]
    dropped: tuple[str, ...]
    """What the files hold besides: fixed filters, compared with those here, and what no translation uses."""
