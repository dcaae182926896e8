"""Publish the results that are there: CSV files, pictures and a page under docs/ (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from enco.training.provenance import git_state
from eval.tables.protocol import commit_name
from workflow.project import Project
from workflow.publish import publish
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    project = Project.load(snakemake.config, base=Path(snakemake.params.base))
    for path in publish(project, Path("docs"), commit_name(git_state())):
        print(path, flush=True)
