"""Draw one figure of the paper, with its caption (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from enco.training.provenance import git_state
from eval.figures.paper.draw import write_paper_figure
from eval.tables.protocol import Provenance, commit_name, drawn_at
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    files = {kind: Path(snakemake.output[kind]) for kind in ("pdf", "png", "txt")}
    made = Provenance(**snakemake.params.provenance, commit=commit_name(git_state()))
    write_paper_figure(snakemake.params.planned[0], files, drawn_at(made))
