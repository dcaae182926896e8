"""Write a run folder to a store as one MLflow run, so that a second time changes nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from PIL import Image

from enco.errors import UserError
from enco.io.files import atomic_path, read_json, write_json
from enco.io.locks import locked
from enco.tracking.mlflow_run import POINTS, chunks, find_run, set_metrics, set_params, set_status, set_tags
from enco.tracking.rows import LOCK, mirror_row
from enco.tracking.run_reader import RunFiles, flatten, numbers, read_run_files
from enco.tracking.store import ARTIFACTS

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Metric, Run

STATUS = {
    "running": "RUNNING",
    "finished": "FINISHED",
    "diverged": "FAILED",
    "failed": "FAILED",
    "stopped": "KILLED",
    "killed": "KILLED",
}
THUMBNAIL = (256, 256)
LOCATION = "mlflow-artifacts:/"
"""The place of pictures as a database says it: the server that shows pictures knows the folder."""
HAS_IMAGES = "mlflow.loggedImages"
"""The tag by which MLflow's pages know that a run has pictures to show."""


def mirror(client: MlflowClient, folder: Path, home: Path | None) -> str:
    """Bring a run folder's MLflow run up to date, making it if needed, then its row's parent, and return the run's id.

    `home` is the folder of the database, with its pictures; None for a server, which keeps its own. Raises UserError
    for a folder that is not a run's and for an experiment that keeps its files elsewhere, and whatever MLflow raises.
    """
    with locked(folder / LOCK):
        files = read_run_files(folder)
        experiment = _experiment(client, files.experiment, home)
        run = find_run(client, experiment, files.key) or _create(client, experiment, files, home)
        set_params(client, run, flatten(files.record.config.model_dump(mode="json")))
        _add_curves(client, run, files)
        _add_images(client, run, files, home)
        set_metrics(client, run, files.scores)
        _add_snapshots(client, run, files)
        set_tags(client, run, files.tags(home))
        set_status(client, run, STATUS[files.outcome], milliseconds(files.state["updated"]))
        _note_id(files, run.info.run_id)
        mirror_row(client, experiment, files)
    return run.info.run_id


def _experiment(client: MlflowClient, name: str, home: Path | None) -> Experiment:
    """Get or make the experiment; UserError if deleted or if its files are not kept beside the database."""
    experiment = client.get_experiment_by_name(name) or _new_experiment(client, name, home)
    if experiment.lifecycle_stage == "deleted":
        cure = f"`mlflow experiments restore --experiment-id {experiment.experiment_id}` brings it back"
        raise UserError(f"the experiment '{name}' is deleted in MLflow: {cure}")
    if home and experiment.artifact_location != LOCATION:
        cure = f"`mlflow experiments rename --experiment-id {experiment.experiment_id} --new-name NAME` makes room"
        where = f"{experiment.artifact_location} and not beside {home}"
        raise UserError(f"the experiment '{name}' keeps its artifacts at {where}: {cure}")
    return experiment


def _new_experiment(client: MlflowClient, name: str, home: Path | None) -> Experiment:
    from mlflow import MlflowException

    try:
        return client.get_experiment(client.create_experiment(name, LOCATION if home else None))
    except MlflowException:
        if experiment := client.get_experiment_by_name(name):  # another process was quicker
            return experiment
        raise


def _create(client: MlflowClient, experiment: Experiment, files: RunFiles, home: Path | None) -> Run:
    config = files.record.config
    name = f"{config.variant or config.method} seed{config.seed}"
    return client.create_run(experiment.experiment_id, milliseconds(files.record.begun), files.tags(home), name)


def _add_curves(client: MlflowClient, run: Run, files: RunFiles) -> None:
    """Add the lines that the run lacks, all points of a line in one call and so in one transaction."""
    mirrored = _last_iteration(run)
    lines = [list(_points(line)) for line in files.metrics if line["iteration"] > mirrored]
    for chunk in chunks(lines, POINTS // max(map(len, lines), default=1)):
        client.log_batch(run.info.run_id, metrics=[point for points in chunk for point in points])


def _last_iteration(run: Run) -> int:
    """Return the iteration of the last mirrored line, 0 for none: every line has a `sec_per_iter`."""
    return max((point.step for point in run.data.to_proto().metrics if point.key == "sec_per_iter"), default=0)


def _points(line: dict[str, Any]) -> Iterator[Metric]:
    from mlflow.entities import Metric

    losses, rates = numbers(line["losses"], "loss"), numbers(line["lr"], "lr")
    clock = ((name, line[name]) for name in ("sec_per_iter", "data_wait") if name in line)
    for key, value in chain(losses, rates, clock):
        yield Metric(key, value, round(line["time"] * 1000), line["iteration"])


def _add_images(client: MlflowClient, run: Run, files: RunFiles, home: Path | None) -> None:
    if files.samples and HAS_IMAGES not in run.data.tags:
        client.set_tag(run.info.run_id, HAS_IMAGES, True)
    there = _image_steps(_image_names(client, run, home))
    for step, path in files.samples.items():
        if step not in there:
            _add_image(client, run, step, path, home)


def _add_image(client: MlflowClient, run: Run, step: int, path: Path, home: Path | None) -> None:
    """Log a picture and its small copy as `log_image(key=, step=)` does, but under names that a second try repeats."""
    name = f"images/samples+step+{step}+timestamp+{run.info.start_time}+{run.info.run_id}"
    with Image.open(path) as image:
        picture = image.convert("RGB")
    _put_image(client, run, picture, f"{name}.png", home)
    picture.thumbnail(THUMBNAIL)
    _put_image(client, run, picture, f"{name}+compressed.webp", home)


def _put_image(client: MlflowClient, run: Run, picture: Image.Image, name: str, home: Path | None) -> None:
    if home is None:
        client.log_image(run.info.run_id, picture, artifact_file=name)
        return
    with atomic_path(_artifacts(run, home) / name) as partial:
        picture.save(partial, format=Path(name).suffix[1:])


def _image_names(client: MlflowClient, run: Run, home: Path | None) -> list[str]:
    if home is None:
        return [file.path for file in client.list_artifacts(run.info.run_id, "images")]
    return [path.name for path in _artifacts(run, home).glob("images/*")]


def _artifacts(run: Run, home: Path) -> Path:
    """Return where `mlflow ui --artifacts-destination` looks for a run's files beside the database."""
    return home / ARTIFACTS / urlparse(run.info.artifact_uri).path.lstrip("/")


def _image_steps(names: Sequence[str]) -> set[int]:
    """Return the steps whose small copy, which is logged last, exists."""
    return {int(found[1]) for name in names if (found := re.search(r"[+%]step[+%](\d+)[+%].*compressed", name))}


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


def _note_id(files: RunFiles, run_id: str) -> None:
    path, content = files.folder / "mlflow.json", {"run_id": run_id, "experiment": files.experiment}
    if not path.exists() or read_json(path) != content:
        write_json(path, content)


def milliseconds(moment: str) -> int:
    """Convert an ISO 8601 time to milliseconds since 1970, MLflow's unit."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000)
