"""Mirror the tables and figures of several runs as a run of their own, with links to the runs and back."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from enco.errors import UserError
from enco.io.locks import locked
from enco.records import STARTED_FILE, StartedRecord, read_record
from enco.tracking.artifacts import Artifacts
from enco.tracking.experiments import open_experiment
from enco.tracking.mlflow_run import all_runs, find_run, make_run, set_note, set_status, set_tags
from enco.tracking.rows import LOCK
from enco.tracking.run_reader import experiment_of, run_key
from enco.training.identity import digest_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

CELLS = "cells.csv"
"""The file that names the run behind each number of the tables in its folder."""
SHOWN = {".csv", ".html", ".md", ".png", ".svg", ".pdf", ".tex", ".txt"}
UNFINISHED = "so_far"
"""The folder of tables that lack cells."""
PART = "tables."
"""How a run's tags begin that name the runs of tables in which it is."""
NOTE_BEGINS, LINK_BEGINS = "Made of these runs:", "In the tables of "
"""How the text of a run of tables begins, and that of a run behind them."""
LONGEST_NOTE, NAMED = 6500, 10
"""Characters of links, as MLflow cuts a tag after 8000, and missing runs that are named."""


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
    started = {run: read_record(run / STARTED_FILE, StartedRecord) for run in runs if (run / STARTED_FILE).exists()}
    missing = [run.relative_to(folder.resolve().parent).as_posix() for run in runs if run not in started]
    made_of = digest_of(sorted([*map(run_key, started.values()), *missing]))
    with locked(folder / LOCK):
        about = f"Tables and figures of scale {scale}, by the seeds and the part of the grid that they are made of."
        experiment = open_experiment(client, f"{scale}/tables", about, home)
        changed = round((folder / CELLS).stat().st_mtime * 1000)
        tags = {"run_key": f"tables@{scale}@{folder.name}@{made_of}", "scale": scale, "part": folder.name}
        run = find_run(client, experiment, tags["run_key"]) or make_run(client, experiment, changed, tags, folder.name)
        Artifacts.of_run(client, run, home).put(_files(folder))
        linked = _linked(client, started.values())
        set_note(client, run, _note(linked, missing), (NOTE_BEGINS,))
        set_status(client, run, "FINISHED", changed)
    for one in linked:
        _link_back(client, one.run, folder.name, run)
    return str(run.info.run_id)


def read_cells(folder: Path) -> tuple[str, list[Path]]:
    """Return the scale of a folder of tables and the folders of its runs, wherever the results lie.

    Raises UserError where no table lies in the folder, or no runs beside it.
    """
    if not (folder / CELLS).exists():
        raise UserError(
            f"No tables lie in {folder}, as it has no {CELLS}: name the folder that `all_tables` writes to."
        )
    home = folder.resolve().parent
    if not (home / "runs").is_dir():
        raise UserError(
            f"The tables in {folder} lie apart from their runs, which {home / 'runs'} holds: move them there."
        )
    with (folder / CELLS).open(encoding="utf-8", newline="") as file:
        named = dict.fromkeys(Path(cell["run"]) for cell in csv.DictReader(file) if cell["run"])
    between = f"/{home.name}/runs/"
    inner = [path.rpartition(between)[2] for path in (f"/{run.as_posix()}" for run in named) if between in path]
    return home.name, [home / "runs" / run for run in inner]


def page(run: Run) -> str:
    """Return the address of a run's page below MLflow's own."""
    return f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def _files(folder: Path) -> dict[str, Path]:
    """Return the tables and figures of a folder by their names among the artifacts."""
    found = (path for pattern in ("*", "*/*") for path in folder.glob(pattern) if path.parent.name != UNFINISHED)
    return {str(path.relative_to(folder)): path for path in sorted(found) if path.suffix in SHOWN}


def _linked(client: MlflowClient, started: Iterable[StartedRecord]) -> list[Linked]:
    """Return the runs of these trainings that the store has."""
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


def _note(linked: Sequence[Linked], missing: Sequence[str]) -> str:
    """Write a line of links for each task: to every run or, where these are too many, to the experiment.

    Runs whose folders are missing are named, the first few of many.
    """
    tasks: dict[str, list[Linked]] = {}
    for one in linked:
        tasks.setdefault(one.task, []).append(one)
    each = [f"- {task}: " + ", ".join(f"[{one.name}]({one.address})" for one in runs) for task, runs in tasks.items()]
    few = [f"- [{task}]({runs[0].address.partition('/runs/')[0]}): {len(runs)} runs" for task, runs in tasks.items()]
    lines = each if len("\n".join(each)) <= LONGEST_NOTE else few
    more = [f"- and {len(missing) - NAMED} more"] if len(missing) > NAMED else []
    gone = ["\nWithout a folder:\n", *(f"- {name}" for name in missing[:NAMED]), *more] if missing else []
    return "\n".join([f"{NOTE_BEGINS}\n", *lines, *gone])


def _link_back(client: MlflowClient, run: Run, part: str, tables: Run) -> None:
    """Name the tables in a run's tags and, where nobody wrote another text, in the text that MLflow shows with it."""
    tags = {PART + part: page(tables)}
    links = {key: link for key, link in {**run.data.tags, **tags}.items() if key.startswith(PART)}
    named = ", ".join(f"[{key.removeprefix(PART)}]({link})" for key, link in sorted(links.items()))
    set_tags(client, run, tags)
    set_note(client, run, f"{LINK_BEGINS}{named}.", (LINK_BEGINS,))
