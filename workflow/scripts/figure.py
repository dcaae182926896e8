"""Lay a table's translations side by side (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from enco.data.folders import stem_in
from enco.io.files import atomic_path
from eval.tables.figure import comparison, spread
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake

ROWS = 4  # at least, and two for each task


def rows() -> list[tuple[str, list[Path]]]:
    """Return some test images of each task, through every column's folder; a real target image closes the row."""
    found = []
    count = max(2, ROWS // len(snakemake.params.tasks))
    for task in snakemake.params.tasks:
        sources, targets = (task["reading"].files(Path(task[side])) for side in ("sources", "targets"))
        for index in spread(count, min(len(sources), len(targets))):
            name = f"{stem_in(Path(task['sources']), sources[index])}.png"
            translated = [Path(folder, name) for folder in task["translated"]]
            # The picture's font has no arrow.
            found.append((task["title"].replace("→", "to"), [sources[index], *translated, targets[index]]))
    return found


with log_errors_to(Path(snakemake.log[0])), atomic_path(Path(snakemake.output[0])) as partial:
    headers, levels = ["input", *snakemake.params.headers, "target domain"], snakemake.params.tasks[0]["reading"].levels
    comparison(headers, rows(), snakemake.params.size, levels).save(partial, format="PNG")
