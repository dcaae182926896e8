"""Write the metrics over training of one task, as CSV and as a figure (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from eval.figures.curves import draw_curves, read_curves, read_levels, save_curves
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    curves = read_curves(snakemake.wildcards.test_task, snakemake.params.planned)
    save_curves(curves, Path(snakemake.output.csv))
    draw_curves(curves, read_levels(snakemake.params.planned), Path(snakemake.output.svg))
