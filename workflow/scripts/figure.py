"""Lay the translations of a task side by side (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from enco.io.files import atomic_path
from eval.figures.comparison import task_figure
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])), atomic_path(Path(snakemake.output[0])) as partial:
    task_figure(snakemake.params.planned[0]).save(partial, format="PNG")
