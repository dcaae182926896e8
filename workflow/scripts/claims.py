"""Write the ledger of the paper's claims, and say what holds (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from enco.training.provenance import git_state
from eval.tables.protocol import commit_name
from workflow.claims import write_claims
from workflow.project import Project
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    project = Project.load(snakemake.config, base=Path(snakemake.params.base))
    for path in write_claims(project, commit_name(git_state())):
        print(path, flush=True)
