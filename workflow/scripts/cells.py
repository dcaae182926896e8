"""Join the tidy lines of all tables (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from eval.tables.write import write_cells
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    write_cells([Path(path) for path in snakemake.input], Path(snakemake.output[0]))
