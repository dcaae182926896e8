"""Draw one figure of the paper, with its caption (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from eval.figures.paper.draw import write_paper_figure
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    files = {kind: Path(snakemake.output[kind]) for kind in ("pdf", "png", "txt")}
    write_paper_figure(snakemake.params.planned[0], files)
