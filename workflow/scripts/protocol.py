"""Write how far each choice of the protocol moves the numbers of a table (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from enco.training.provenance import git_state
from eval.sensitivity.planned import PLANNED_ALTERNATIVES, PLANNED_SCORES
from eval.sensitivity.write import write_budget
from eval.tables.planned import PLANNED_CELLS
from eval.tables.protocol import Provenance, commit_name
from eval.tables.spec import TableSpec
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    write_budget(
        TableSpec.model_validate(snakemake.params.spec),
        PLANNED_CELLS.validate_python(snakemake.params.cells),
        PLANNED_ALTERNATIVES.validate_python(snakemake.params.alternatives),
        PLANNED_SCORES.validate_python(snakemake.params.planned),
        {kind: Path(path) for kind, path in snakemake.output.items()},
        Provenance(**snakemake.params.provenance, commit=commit_name(git_state())),
    )
