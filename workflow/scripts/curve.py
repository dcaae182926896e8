"""Write the distances over training of one task, as CSV and as a figure (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from eval.figures.curves import draw_curves, read_curves, save_curves
from eval.records import read_reference
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

with log_errors_to(Path(snakemake.log[0])):
    curves = read_curves(snakemake.wildcards.test_task, snakemake.params.planned)
    save_curves(curves, Path(snakemake.output.csv))
    levels = [read_reference(path).metrics.paired.frechet_distance for path in snakemake.params.reference]
    draw_curves(curves, levels[0] if levels else None, Path(snakemake.output.svg))
