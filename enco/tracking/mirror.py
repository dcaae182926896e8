"""Write a run folder to a store as one MLflow run, so that a second time changes nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enco.io.files import read_json, write_json
from enco.io.locks import locked
from enco.records import FINISHED_FILE, STARTED_FILE
from enco.tracking.artifacts import Artifacts
from enco.tracking.experiments import open_experiment
from enco.tracking.generator_model import open_generator, put_generator
from enco.tracking.mlflow_run import (
    POINTS,
    chunks,
    find_run,
    log_lines,
    make_run,
    set_metrics,
    set_params,
    set_status,
    set_tags,
)
from enco.tracking.pictures import add_images
from enco.tracking.rows import LOCK, mirror_row
from enco.tracking.run_reader import RunFiles, flatten, read_run_files
from enco.tracking.scores import numbers
from enco.tracking.system_metrics import add_system_metrics
from enco.training.run_files import HISTORY_FILE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, Experiment, LoggedModel, Metric, Run

STATUS = {
    "running": "RUNNING",
    "finished": "FINISHED",
    "diverged": "FAILED",
    "failed": "FAILED",
    "stopped": "KILLED",
    "killed": "KILLED",
}
DIGEST = 36
"""The most characters of a data set's digest that MLflow takes."""


def mirror(client: MlflowClient, folder: Path, home: Path | None, logs: str = "") -> str:
    """Bring a run folder's MLflow run up to date, making it if needed, and its row's parent, and return the run's id.

    Numbers come before files, so that a folder of files that cannot be written costs no number.
    `home` is the folder of the database, with its files; None for a server, which keeps its own. `logs` is where
    trainings print to, with {task}, {variant} and {seed}. Raises UserError for a folder that is not a run's and for an
    experiment that keeps its files elsewhere, and whatever MLflow raises.
    """
    with locked(folder / LOCK):
        files = read_run_files(folder)
        experiment = open_experiment(client, files.experiment, _describe(files), home)
        run = find_run(client, experiment, files.key) or _create(client, experiment, files, home)
        set_params(client, run, flatten(files.record.config.model_dump(mode="json")))
        _add_data(client, run, files)
        _add_curves(client, run, files)
        add_system_metrics(client, run, folder)
        set_metrics(client, run, files.run_numbers)
        model = open_generator(client, run, files)
        _set_scores(client, run, files, model)
        _add_snapshots(client, run, files)
        set_tags(client, run, files.tags(home))
        set_status(client, run, STATUS[files.outcome], milliseconds(files.state["updated"]))
        _note_id(files, run.info.run_id)
        mirror_row(client, experiment, files)
        add_images(client, run, files, home)
        if model:
            put_generator(client, run, model, files, home)
        if files.outcome != "running":
            Artifacts.of_run(client, run, home).put(_artifacts(files, logs))
    return run.info.run_id


def _describe(files: RunFiles) -> str:
    config = files.record.config
    return f"Every method on {config.task}, at scale {config.scale}; docs/tracking.md explains the names of metrics."


def _create(client: MlflowClient, experiment: Experiment, files: RunFiles, home: Path | None) -> Run:
    config = files.record.config
    name = f"{config.variant or config.method} seed{config.seed}"
    return make_run(client, experiment, milliseconds(files.record.begun), files.tags(home), name)


def _add_data(client: MlflowClient, run: Run, files: RunFiles) -> None:
    """Say which images the run trains on, by the digest of their names and content."""
    from mlflow.entities import DatasetInput, InputTag

    data = dataset_of(files)
    if (data.name, data.digest) not in [(one.dataset.name, one.dataset.digest) for one in run.inputs.dataset_inputs]:
        used = DatasetInput(data, [InputTag("mlflow.data.context", "training")])
        client.log_inputs(run.info.run_id, [used])


def dataset_of(files: RunFiles) -> Dataset:
    """Return a run's images as MLflow names them: no image is read."""
    from mlflow.entities import Dataset

    record = files.record
    source = json.dumps({"uri": str(record.config.data.root)})
    profile = json.dumps({"direction": record.config.data.direction, "sha256": record.data_hash, **record.data_source})
    return Dataset(record.config.data.root.name, record.data_hash[:DIGEST], "local", source, profile=profile)


def _add_curves(client: MlflowClient, run: Run, files: RunFiles) -> None:
    """Add the lines that the run lacks."""
    mirrored = _last_iteration(run)
    log_lines(client, run, [list(_points(line)) for line in files.metrics if line["iteration"] > mirrored])


def _last_iteration(run: Run) -> int:
    """Return the iteration of the last mirrored line, 0 for none: every line has a `sec_per_iter`."""
    return max((point.step for point in run.data.to_proto().metrics if point.key == "sec_per_iter"), default=0)


def _points(line: dict[str, Any]) -> Iterator[Metric]:
    from mlflow.entities import Metric

    losses, rates = numbers(line["losses"], "loss/"), numbers(line["lr"], "lr/")
    clock = ((name, line[name]) for name in ("sec_per_iter", "data_wait") if name in line)
    for key, value in chain(losses, rates, clock):
        yield Metric(key, value, round(line["time"] * 1000), line["iteration"])


def _set_scores(client: MlflowClient, run: Run, files: RunFiles, model: LoggedModel | None) -> None:
    """Set the scores as those of the run and its generator; one whose file is gone becomes NaN."""
    logged = {metric.key for metric in (model.metrics or () if model else ())}
    gone = dict.fromkeys(logged & run.data.metrics.keys(), nan)
    set_metrics(client, run, gone | files.scores, model=model.model_id if model else None)


def _add_snapshots(client: MlflowClient, run: Run, files: RunFiles) -> None:
    """Add the metrics of saved generators that the run lacks: a report is whole, so the last point tells of all."""
    from mlflow.entities import Metric

    there = {point.key: (point.step, point.value) for point in run.data.to_proto().metrics}
    moment = round(time.time() * 1000)
    for key, values in files.snapshots.items():
        if there.get(key) != max(values.items()):
            for chunk in chunks(values.items(), POINTS):
                points = [Metric(key, value, moment, step) for step, value in chunk]
                client.log_batch(run.info.run_id, metrics=points)


def _artifacts(files: RunFiles, logs: str) -> dict[str, Path]:
    """Return the files that lie beside an ended run, by their names there."""
    found = {name: files.folder / name for name in (STARTED_FILE, FINISHED_FILE, "metrics.jsonl", HISTORY_FILE)}
    config = files.record.config
    for key, value in {"task": config.task, "variant": config.variant or config.method, "seed": config.seed}.items():
        logs = logs.replace(f"{{{key}}}", str(value))
    found |= {"train.log": Path(logs)} if logs else {}
    return {name: path for name, path in found.items() if path.exists()}


def _note_id(files: RunFiles, run_id: str) -> None:
    path, content = files.folder / "mlflow.json", {"run_id": run_id, "experiment": files.experiment}
    if not path.exists() or read_json(path) != content:
        write_json(path, content)


def milliseconds(moment: str) -> int:
    """Convert an ISO 8601 time to milliseconds since 1970, MLflow's unit."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000)
