"""One run folder as one MLflow run: read from files, written so that a second time changes nothing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import FileLock
from PIL import Image

from enco.files import read_json, write_json
from enco.metricsfile import read_metrics
from enco.runfolder import is_held

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

T = TypeVar("T")

STATUS = {
    "running": "RUNNING",
    "finished": "FINISHED",
    "failed": "FAILED",
    "stopped": "KILLED",
    "killed": "KILLED",
}
RUN_NUMBERS = ("wall_seconds", "data_wait", "parameter_count")
"""What is taken from run.json."""
LOCK = ".mlflow.lock"
POINTS, PARAMS = 1000, 100
"""How many of each MLflow takes in one call."""
THUMBNAIL = (256, 256)
HAS_IMAGES = "mlflow.loggedImages"
"""The tag by which MLflow's pages know that a run has pictures to show."""


@dataclass(frozen=True)
class Record:
    """What a run folder says of its run."""

    folder: Path
    config: dict[str, Any]
    config_hash: str
    data_hash: str
    begun: str
    commit: str | None
    state: dict[str, Any]
    outcome: str
    metrics: list[dict[str, Any]]
    samples: dict[int, Path]
    scores: dict[str, float]

    @property
    def experiment(self) -> str:
        """The methods on one task at one scale are what one compares, so they share a page."""
        return f"{self.config['scale']}/{self.config['task']}"

    @property
    def key(self) -> str:
        """The run's identity in MLflow: a training that is resumed keeps it, one that starts anew has another."""
        return "@".join([self.folder.as_posix(), self.config_hash, self.data_hash, self.begun])

    @property
    def tags(self) -> dict[str, str]:
        named = {name: self.config[name] for name in ("task", "method", "variant", "seed", "scale")}
        found = {"config_hash": self.config_hash, "commit": self.commit, "folder": self.folder, "run_key": self.key}
        became = {"state": self.outcome, "reason": self.state["reason"]}
        return {name: str(value)[:5000] for name, value in {**named, **found, **became}.items() if value is not None}


def read_record(folder: Path) -> Record:
    """Read a run folder. Raises UserError if it is not one, or has no settings written down yet."""
    folder = folder.resolve()
    about, state = read_json(folder / "config.json"), read_json(folder / "state.json")
    killed = state["state"] == "running" and not is_held(folder)
    return Record(
        folder=folder,
        config=about["config"],
        config_hash=about["config_hash"],
        data_hash=about["data_hash"],
        begun=about["begun"],
        commit=about["git"]["commit"],
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
    if (folder / "run.json").exists():
        record = read_json(folder / "run.json")
        yield from numbers({name: record[name] for name in RUN_NUMBERS if name in record}, "run")


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


def mirror(client: MlflowClient, folder: Path, artifacts: str | None) -> str:
    """Bring a run folder's MLflow run up to date, making it if needed, and return its id.

    `artifacts` is where a new experiment keeps its files; None leaves that to the server. Raises UserError for a
    folder that is not a run's, and whatever MLflow raises.
    """
    with FileLock(folder / LOCK):
        record = read_record(folder)
        run = _find(client, record) or _create(client, record, artifacts)
        _set_params(client, run, record)
        _add_curves(client, run, record)
        _add_images(client, run, record)
        _set_scores(client, run, record)
        _set_outcome(client, run, record)
        _note_id(record, run.info.run_id)
    return run.info.run_id


def _find(client: MlflowClient, record: Record) -> Run | None:
    experiment = client.get_experiment_by_name(record.experiment)
    if experiment is None:
        return None
    same = f"tags.run_key = '{record.key}'"
    return next(iter(client.search_runs([experiment.experiment_id], same, max_results=1)), None)


def _create(client: MlflowClient, record: Record, artifacts: str | None) -> Run:
    experiment_id = _experiment_id(client, record.experiment, artifacts)
    name = f"{record.config['variant'] or record.config['method']} seed{record.config['seed']}"
    return client.create_run(experiment_id, milliseconds(record.begun), record.tags, name)


def _experiment_id(client: MlflowClient, name: str, artifacts: str | None) -> str:
    from mlflow import MlflowException

    if experiment := client.get_experiment_by_name(name):
        return experiment.experiment_id
    try:
        return client.create_experiment(name, artifacts and f"{artifacts}/{name}")
    except MlflowException:
        if experiment := client.get_experiment_by_name(name):  # another process was quicker
            return experiment.experiment_id
        raise


def _set_params(client: MlflowClient, run: Run, record: Record) -> None:
    """Log the parameters that are not there yet: MLflow never lets one change."""
    from mlflow.entities import Param

    new = [(key, value[:6000]) for key, value in flatten(record.config) if key not in run.data.params]
    for chunk in chunks(new, PARAMS):
        client.log_batch(run.info.run_id, params=[Param(key, value) for key, value in chunk])


def _add_curves(client: MlflowClient, run: Run, record: Record) -> None:
    """Add the lines that are not there yet, all points of a line in one call and so in one transaction."""
    mirrored = _last_iteration(run)
    lines = [list(_points(line)) for line in record.metrics if line["iteration"] > mirrored]
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


def _add_images(client: MlflowClient, run: Run, record: Record) -> None:
    if record.samples and HAS_IMAGES not in run.data.tags:
        client.set_tag(run.info.run_id, HAS_IMAGES, True)
    there = _image_steps([file.path for file in client.list_artifacts(run.info.run_id, "images")])
    for step, path in record.samples.items():
        if step not in there:
            _add_image(client, run, step, path)


def _add_image(client: MlflowClient, run: Run, step: int, path: Path) -> None:
    """Log a picture and its small copy as `log_image(key=, step=)` does, but under names that a second try repeats."""
    name = f"images/samples+step+{step}+timestamp+{run.info.start_time}+{run.info.run_id}"
    with Image.open(path) as image:
        picture = image.convert("RGB")
    client.log_image(run.info.run_id, picture, artifact_file=f"{name}.png")
    picture.thumbnail(THUMBNAIL)
    client.log_image(run.info.run_id, picture, artifact_file=f"{name}+compressed.webp")


def _image_steps(names: Sequence[str]) -> set[int]:
    """The steps whose small copy, which is logged last, is there."""
    return {int(found[1]) for name in names if (found := re.search(r"[+%]step[+%](\d+)[+%].*compressed", name))}


def _set_scores(client: MlflowClient, run: Run, record: Record) -> None:
    for key, value in record.scores.items():
        if run.data.metrics.get(key) != value:
            client.log_metric(run.info.run_id, key, value)


def _set_outcome(client: MlflowClient, run: Run, record: Record) -> None:
    for key, value in record.tags.items():
        if run.data.tags.get(key) != value:
            client.set_tag(run.info.run_id, key, value)
    status = STATUS[record.outcome]
    if status == run.info.status:
        return
    if status == "RUNNING":
        client.update_run(run.info.run_id, status)
    else:
        client.set_terminated(run.info.run_id, status, milliseconds(record.state["updated"]))


def _note_id(record: Record, run_id: str) -> None:
    path, content = record.folder / "mlflow.json", {"run_id": run_id, "experiment": record.experiment}
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
