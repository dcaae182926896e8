"""One run folder as one MLflow run: read from files, written so that a second time changes nothing."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlparse

from PIL import Image

from enco.errors import UserError
from enco.io.files import atomic_path, read_json, write_json
from enco.io.locks import locked
from enco.records import FINISHED_FILE, STARTED_FILE, FinishedRecord, StartedRecord, read_record
from enco.training.metrics_file import read_metrics
from enco.training.run_folder import is_held

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Metric, Run

T = TypeVar("T")

STATUS = {
    "running": "RUNNING",
    "finished": "FINISHED",
    "diverged": "FAILED",
    "failed": "FAILED",
    "stopped": "KILLED",
    "killed": "KILLED",
}
RUN_NUMBERS = {"wall_seconds", "data_wait", "parameter_count"}
"""What is taken from run.json."""
LOCK = ".mlflow.lock"
POINTS, PARAMS = 1000, 100
"""How many of each MLflow takes in one call."""
THUMBNAIL = (256, 256)
ARTIFACTS = "mlartifacts"
"""The folder beside a database in which the pictures of its runs lie."""
LOCATION = "mlflow-artifacts:/"
"""What a database says of where pictures lie: the server that shows them knows the folder."""
HAS_IMAGES = "mlflow.loggedImages"
"""The tag by which MLflow's pages know that a run has pictures to show."""


@dataclass(frozen=True)
class RunFiles:
    """What a run folder says of its run."""

    folder: Path
    record: StartedRecord
    state: dict[str, Any]
    outcome: str
    metrics: list[dict[str, Any]]
    samples: dict[int, Path]
    scores: dict[str, float]

    @property
    def experiment(self) -> str:
        """The methods on one task at one scale are what one compares, so they share a page."""
        return f"{self.record.config.scale}/{self.record.config.task}"

    @property
    def key(self) -> str:
        """The run's identity in MLflow, wherever its folder lies; a training that starts anew has another."""
        return run_key(self.record)

    def tags(self, home: Path | None) -> dict[str, str]:
        """What MLflow shows beside the settings; the folder in relation to the database's, if there is one."""
        folder = os.path.relpath(self.folder, home) if home else self.folder
        named = self.record.config.model_dump(include={"task", "method", "variant", "seed", "scale"})
        found = {"config_hash": self.record.config_hash, "folder": folder, "run_key": self.key}
        found |= self.record.git.model_dump()
        became = {"state": self.outcome, "reason": self.state["reason"]}
        return {name: str(value)[:5000] for name, value in {**named, **found, **became}.items() if value is not None}


def run_key(record: StartedRecord) -> str:
    """Name a training as no other: what it trains, on what, and the microsecond in which it began."""
    return "@".join([record.config_hash, record.data_hash, record.begun])


def without_copies(folders: Iterable[Path]) -> list[Path]:
    """The folders, of those that hold one and the same training only the one that is furthest; names the others."""
    furthest: dict[str, Path] = {}
    for folder in folders:
        key = _key_of(folder)
        other = furthest.setdefault(key, folder)
        if other != folder:
            first, second = sorted([other, folder], key=_iteration, reverse=True)
            furthest[key] = first
            print(f"{second} is a copy of the training in {first}, which is the one that is mirrored.", flush=True)
    return list(furthest.values())


def _key_of(folder: Path) -> str:
    try:
        return run_key(read_record(folder / STARTED_FILE, StartedRecord))
    except (UserError, OSError):
        return str(folder)  # reading it whole says what is wrong with it


def _iteration(folder: Path) -> int:
    try:
        return int(read_json(folder / "state.json")["iteration"])
    except (UserError, OSError, LookupError, TypeError, ValueError):
        return -1


def read_run_files(folder: Path) -> RunFiles:
    """Read a run folder. Raises UserError if it is not one, or has no settings written down yet."""
    folder = folder.resolve()
    record, state = read_record(folder / STARTED_FILE, StartedRecord), read_json(folder / "state.json")
    killed = state["state"] == "running" and not is_held(folder)
    return RunFiles(
        folder=folder,
        record=record,
        state=state,
        outcome="killed" if killed else state["state"],
        metrics=read_metrics(folder / "metrics.jsonl"),
        samples={int(path.stem.removeprefix("iter")): path for path in sorted(folder.glob("samples/iter*.png"))},
        scores=dict(read_scores(folder)),
    )


def read_scores(folder: Path) -> Iterator[tuple[str, float]]:
    """Every number in the `metrics` of the JSON files under eval/, named <file>/<name>/<name>, and the run's own."""
    for path in sorted(folder.glob("eval/**/*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and isinstance(content.get("metrics"), dict):
            yield from numbers(content["metrics"], path.stem)
    if (folder / FINISHED_FILE).exists():
        record = read_record(folder / FINISHED_FILE, FinishedRecord)
        yield from numbers(record.model_dump(include=RUN_NUMBERS), "run")


def numbers(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    """The finite numbers of nested mappings, their names joined by '/' and spelled as MLflow allows."""
    for name, value in values.items():
        key = re.sub(r"[^\w\-. :/]", "_", f"{prefix}/{name}")
        if isinstance(value, Mapping):
            yield from numbers(value, key)
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield key, float(value)


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as dotted names with text values."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)


def mirror(client: MlflowClient, folder: Path, home: Path | None) -> str:
    """Bring a run folder's MLflow run up to date, making it if needed, and return its id.

    `home` is the folder of the database, with its pictures; None for a server, which keeps its own. Raises UserError
    for a folder that is not a run's and for an experiment that keeps its files elsewhere, and whatever MLflow raises.
    """
    with locked(folder / LOCK):
        files = read_run_files(folder)
        experiment = _experiment(client, files.experiment, home)
        run = _find(client, experiment, files) or _create(client, experiment, files, home)
        _set_params(client, run, files)
        _add_curves(client, run, files)
        _add_images(client, run, files, home)
        _set_scores(client, run, files)
        _set_outcome(client, run, files, home)
        _note_id(files, run.info.run_id)
    return run.info.run_id


def _experiment(client: MlflowClient, name: str, home: Path | None) -> Experiment:
    """Get or make the experiment; UserError if it is deleted or keeps its files elsewhere than beside the database."""
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


def _find(client: MlflowClient, experiment: Experiment, files: RunFiles) -> Run | None:
    same = f"tags.run_key = '{files.key}'"
    return next(iter(client.search_runs([experiment.experiment_id], same, max_results=1)), None)


def _create(client: MlflowClient, experiment: Experiment, files: RunFiles, home: Path | None) -> Run:
    config = files.record.config
    name = f"{config.variant or config.method} seed{config.seed}"
    return client.create_run(experiment.experiment_id, milliseconds(files.record.begun), files.tags(home), name)


def _set_params(client: MlflowClient, run: Run, files: RunFiles) -> None:
    """Log the parameters that are not there yet: MLflow never lets one change."""
    from mlflow.entities import Param

    settings = flatten(files.record.config.model_dump(mode="json"))
    new = [(key, value[:6000]) for key, value in settings if key not in run.data.params]
    for chunk in chunks(new, PARAMS):
        client.log_batch(run.info.run_id, params=[Param(key, value) for key, value in chunk])


def _add_curves(client: MlflowClient, run: Run, files: RunFiles) -> None:
    """Add the lines that are not there yet, all points of a line in one call and so in one transaction."""
    mirrored = _last_iteration(run)
    lines = [list(_points(line)) for line in files.metrics if line["iteration"] > mirrored]
    for chunk in chunks(lines, POINTS // max(map(len, lines), default=1)):
        client.log_batch(run.info.run_id, metrics=[point for points in chunk for point in points])


def _last_iteration(run: Run) -> int:
    """The iteration of the last line that is there, 0 for none: every line has a `sec_per_iter`."""
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
    """Where a run's files lie beside the database, as `mlflow ui --artifacts-destination` looks for them."""
    return home / ARTIFACTS / urlparse(run.info.artifact_uri).path.lstrip("/")


def _image_steps(names: Sequence[str]) -> set[int]:
    """The steps whose small copy, which is logged last, is there."""
    return {int(found[1]) for name in names if (found := re.search(r"[+%]step[+%](\d+)[+%].*compressed", name))}


def _set_scores(client: MlflowClient, run: Run, files: RunFiles) -> None:
    for key, value in files.scores.items():
        if run.data.metrics.get(key) != value:
            client.log_metric(run.info.run_id, key, value)


def _set_outcome(client: MlflowClient, run: Run, files: RunFiles, home: Path | None) -> None:
    for key, value in files.tags(home).items():
        if run.data.tags.get(key) != value:
            client.set_tag(run.info.run_id, key, value)
    status = STATUS[files.outcome]
    if status == run.info.status:
        return
    if status == "RUNNING":
        client.update_run(run.info.run_id, status)
    else:
        client.set_terminated(run.info.run_id, status, milliseconds(files.state["updated"]))


def _note_id(files: RunFiles, run_id: str) -> None:
    path, content = files.folder / "mlflow.json", {"run_id": run_id, "experiment": files.experiment}
    if not path.exists() or read_json(path) != content:
        write_json(path, content)


def milliseconds(moment: str) -> int:
    """An ISO 8601 time as MLflow counts it."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` items: MLflow takes no more in one call."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
