"""What the table of the authors' generators is made of; free of pandas, so that planning starts fast."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from eval.released.catalogue import Variant
from eval.tables.planned import PlannedCell
from eval.tables.spec import TableSpec


class ReleasedTable(BaseModel):
    """All that the table is made of but the numbers: what is printed where, and why some numbers are missing."""

    model_config = ConfigDict(frozen=True)

    spec: TableSpec
    """Rows are variants, columns are tasks; a variant has planned cells in the tasks of its generators alone."""
    planned: tuple[PlannedCell, ...]
    variants: dict[str, Variant]
    files: dict[str, tuple[str, ...]]
    """The published files behind each row, with their hashes."""
    wanted: tuple[str, ...]
    """What the user can do for each missing number, a sentence each."""
