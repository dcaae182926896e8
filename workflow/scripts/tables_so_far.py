"""Write every table as far as it can be made, and say how far that is (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from enco.training.provenance import git_state
from enco.training.run_folder import now
from eval.tables.protocol import commit_name
from workflow.project import Project
from workflow.script import log_errors_to
from workflow.so_far import write_so_far

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    project = Project.load(snakemake.config, base=Path(snakemake.params.base))
    for line in write_so_far(project, now(), commit_name(git_state())):
        print(line, flush=True)
