"""Draw the paper's figures of what is there, and say what is not (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from enco.training.provenance import git_state
from eval.tables.protocol import commit_name
from workflow.project import Project
from workflow.script import log_errors_to
from workflow.so_far import draw_so_far

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    project = Project.load(snakemake.config, base=Path(snakemake.params.base))
    for line in draw_so_far(project, commit_name(git_state())):
        print(line, flush=True)
