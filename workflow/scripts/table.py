"""Write one table in every format (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from enco.provenance import git_state
from eval.cells import PlannedCell
from eval.protocol import Provenance
from eval.tables import write_table
from eval.tablespec import TableSpec
from workflow.script import reporting_to

if TYPE_CHECKING:
    from snakemake.script import snakemake


def commit() -> str:
    """The code's commit, marked where the tree differs from it."""
    state = git_state()
    dirty = " with uncommitted changes" if state["dirty"] else ""
    return f"{state['commit'][:12]}{dirty}" if state["commit"] else "unknown"


with reporting_to(Path(snakemake.log[0])):
    write_table(
        TableSpec.model_validate(snakemake.params.spec),
        [PlannedCell.model_validate(cell) for cell in snakemake.params.planned],
        Path(snakemake.input.published),
        {kind: Path(path) for kind, path in snakemake.output.items()},
        Provenance(**snakemake.params.made, commit=commit()),
    )
