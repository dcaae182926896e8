"""Write one table in every format (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from enco.errors import UserError
from enco.training.provenance import git_state
from eval.tables.planned import PLANNED_CELLS
from eval.tables.protocol import Provenance, commit_name
from eval.tables.spec import TableSpec
from eval.tables.write import write_table
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    planned = PLANNED_CELLS.validate_python(snakemake.params.planned)
    if faults := snakemake.params.faults:
        cure = "`snakemake tables_so_far` writes the rest."
        raise UserError(f"{snakemake.wildcards.table} cannot be made whole: {' '.join(faults)} {cure}")
    write_table(
        TableSpec.model_validate(snakemake.params.spec),
        planned,
        Path(snakemake.input.published),
        {kind: Path(path) for kind, path in snakemake.output.items()},
        Provenance(**snakemake.params.provenance, commit=commit_name(git_state())),
    )
