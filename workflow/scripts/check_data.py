"""Print what is there of every task's images, and of the published weights (Snakemake script)."""

from pathlib import Path
from typing import TYPE_CHECKING

from tabulate import tabulate

from enco.datasets.catalogue import TaskConfig, load_datasets
from enco.datasets.status import status_table, task_statuses
from eval.weights import state
from workflow.script import log_errors_to

if TYPE_CHECKING:
    from snakemake.script import snakemake


with log_errors_to(Path(snakemake.log[0])):
    asked = snakemake.params
    tasks = {name: TaskConfig.model_validate(task) for name, task in asked.tasks.items()}
    found = task_statuses(tasks, load_datasets(asked.catalogue), asked.data_paths, asked.expected)
    print(status_table(found), flush=True)
    files = [(Path(record).stem, *state(Path(record).stem, asked.network)) for record in asked.weights]
    if files:
        print(tabulate(files, headers=("weights", "file", "state")), flush=True)
