"""Archive what the tables of a configuration are made of (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from workflow.archive import pack
from workflow.project import Project
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    project = Project.load(snakemake.config, base=Path(snakemake.params.base))
    pack(project, Path(snakemake.params.root), Path(snakemake.output[0]))
