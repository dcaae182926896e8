"""Write the report: one page with all that is there (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from enco.training.provenance import git_state
from eval.tables.protocol import commit_name
from workflow.project import Project
from workflow.report_page import write_report
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    project = Project.load(snakemake.config, base=Path(snakemake.params.base))
    for path in write_report(project, commit_name(git_state())):
        print(path, flush=True)
