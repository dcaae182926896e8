"""Join the tidy lines of all tables (Snakemake script)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from eval.tables import write_cells

if TYPE_CHECKING:
    from snakemake.script import snakemake

write_cells([Path(path) for path in snakemake.input], Path(snakemake.output[0]))
