"""Write the table of the authors' generators in every format (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from enco.training.provenance import git_state
from eval.released.planned import ReleasedTable
from eval.released.table import write_released
from eval.tables.protocol import Provenance, commit_name
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    write_released(
        ReleasedTable.model_validate(snakemake.params.table),
        Path(snakemake.input.published),
        {kind: Path(path) for kind, path in snakemake.output.items()},
        Provenance(**snakemake.params.provenance, commit=commit_name(git_state())),
    )
