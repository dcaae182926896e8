"""Mirror the tables and figures of several runs as a run of their own, with links to the runs and back."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from enco.errors import UserError
from enco.io.locks import locked
from enco.records import STARTED_FILE, StartedRecord, read_record
from enco.tracking.artifacts import Artifacts
from enco.tracking.experiments import open_experiment
from enco.tracking.mlflow_run import NOTE, all_runs, find_run, make_run, set_status, set_tags
from enco.tracking.rows import LOCK
from enco.tracking.run_reader import experiment_of, run_key

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

CELLS = "cells.csv"
"""The file that names the run behind each number of the tables in its folder."""
SHOWN = {".csv", ".html", ".md", ".png", ".svg", ".pdf", ".tex"}
UNFINISHED = "so_far"
"""The folder of tables that lack cells."""
PART = "tables."
"""How a run's tags begin that name the runs of tables in which it is."""
NOTE_BEGINS = "In the tables of "
LONGEST_NOTE = 7500
"""Characters; MLflow cuts a tag after 8000."""


@dataclass(frozen=True)
class Linked:
    """A run behind the tables, as MLflow has it."""

    name: str
    task: str
    run: Run

    @property
    def address(self) -> str:
        """The page of the run."""
        return page(self.run)


def mirror_tables(client: MlflowClient, folder: Path, home: Path | None) -> str:
    """Bring the run of a folder of tables up to date, and the links of its runs, and return the run's id.

    `home` is as `mirror` takes it. Raises UserError for a folder without tables, and what MLflow raises.
    """
    scale, runs = read_cells(folder)
    with locked(folder / LOCK):
        about = f"Tables and figures of scale {scale}, by the seeds and the part of the grid that they are made of."
        experiment = open_experiment(client, f"{scale}/tables", about, home)
        changed = round((folder / CELLS).stat().st_mtime * 1000)
        tags = {"run_key": f"tables@{scale}@{folder.name}", "scale": scale, "part": folder.name}
        run = find_run(client, experiment, tags["run_key"]) or make_run(client, experiment, changed, tags, folder.name)
        Artifacts.of_run(client, run, home).put(_files(folder))
        linked = _linked(client, runs)
        set_tags(client, run, {NOTE: _note(linked)})
        set_status(client, run, "FINISHED", changed)
    for one in linked:
        _link_back(client, one.run, folder.name, run)
    return str(run.info.run_id)


def read_cells(folder: Path) -> tuple[str, list[Path]]:
    """Return the scale of a folder of tables and the folders of its runs, wherever the results lie.

    Raises UserError where no table lies in the folder.
    """
    if not (folder / CELLS).exists():
        raise UserError(
            f"No tables lie in {folder}, as it has no {CELLS}: name the folder that `all_tables` writes to."
        )
    scale = folder.resolve().parent.name
    with (folder / CELLS).open(encoding="utf-8", newline="") as file:
        named = dict.fromkeys(Path(cell["run"]) for cell in csv.DictReader(file) if cell["run"])
    inner = [Path(*run.parts[run.parts.index(scale) + 1 :]) for run in named if scale in run.parts]
    return scale, [folder.resolve().parent / run for run in inner]


def page(run: Run) -> str:
    """Return the address of a run's page below MLflow's own."""
    return f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def _files(folder: Path) -> dict[str, Path]:
    """Return the tables and figures of a folder by their names among the artifacts."""
    found = (path for pattern in ("*", "*/*") for path in folder.glob(pattern) if path.parent.name != UNFINISHED)
    return {str(path.relative_to(folder)): path for path in sorted(found) if path.suffix in SHOWN}


def _linked(client: MlflowClient, folders: Iterable[Path]) -> list[Linked]:
    """Return the runs of these folders that the store has."""
    started = [read_record(path, StartedRecord) for folder in folders if (path := folder / STARTED_FILE).exists()]
    there: dict[str, dict[str, Run]] = {}
    found = []
    for record in started:
        name, config = experiment_of(record.config), record.config
        if name not in there:
            there[name] = _by_key(client, name)
        if run := there[name].get(run_key(record)):
            found.append(Linked(f"{config.variant or config.method} seed{config.seed}", config.task, run))
    return found


def _by_key(client: MlflowClient, experiment_name: str) -> dict[str, Run]:
    experiment = client.get_experiment_by_name(experiment_name)
    return {run.data.tags.get("run_key", ""): run for run in all_runs(client, experiment)} if experiment else {}


def _note(linked: Iterable[Linked]) -> str:
    """Write a line of links for each task: to every run or, where these are too many, to the experiment."""
    tasks: dict[str, list[Linked]] = {}
    for one in linked:
        tasks.setdefault(one.task, []).append(one)
    each = [f"- {task}: " + ", ".join(f"[{one.name}]({one.address})" for one in runs) for task, runs in tasks.items()]
    few = [f"- [{task}]({runs[0].address.partition('/runs/')[0]}): {len(runs)} runs" for task, runs in tasks.items()]
    lines = each if len("\n".join(each)) <= LONGEST_NOTE else few
    return "\n".join(["Made of these runs:\n", *lines])


def _link_back(client: MlflowClient, run: Run, part: str, tables: Run) -> None:
    """Name the tables in a run's tags and, where nobody wrote another text, in the text that MLflow shows with it."""
    tags = {PART + part: page(tables)}
    links = {key: link for key, link in {**run.data.tags, **tags}.items() if key.startswith(PART)}
    if run.data.tags.get(NOTE, NOTE_BEGINS).startswith(NOTE_BEGINS):
        named = ", ".join(f"[{key.removeprefix(PART)}]({link})" for key, link in sorted(links.items()))
        tags[NOTE] = f"{NOTE_BEGINS}{named}."
    set_tags(client, run, tags)
