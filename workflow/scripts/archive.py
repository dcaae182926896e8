"""Archive what the tables of a configuration are made of (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from workflow.archive import pack
from workflow.project import Project
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    root = Path(snakemake.input.lock).parent
    pack(Project.load(snakemake.config, base=root), root, Path(snakemake.output[0]))
