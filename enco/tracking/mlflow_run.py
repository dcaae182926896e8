"""Bring a run of MLflow up to date: each of these functions writes what the run lacks, and nothing that is there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import isnan
from typing import TYPE_CHECKING, TypeVar

from enco.errors import UserError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Metric, Run

T = TypeVar("T")

POINTS, PARAMS = 1000, 100
"""The most of each that MLflow takes in one call."""
NOTE, PARENT = "mlflow.note.content", "mlflow.parentRunId"
"""Tags by which MLflow's pages know the text that they show with a run or experiment, and a run's parent."""
NAMES = {"metric_names": "2"}
"""The tag of runs whose metrics have the names of enco.tracking.scores, with a number that grows as these change."""
EARLIER = {"1"}
"""Numbers of the names that runs of earlier versions have, which are made anew; runs without the tag have the first."""


def find_run(client: MlflowClient, experiment: Experiment, key: str) -> Run | None:
    """Return the run of an experiment that has a key as its tag `run_key`, if there is one of this version.

    Raises UserError where a later version made one.
    """
    current, earlier = _by_version(client, experiment, key)
    for run in earlier if current else ():
        client.delete_run(run.info.run_id)
    return current[0] if current else None


def make_run(client: MlflowClient, experiment: Experiment, begun: int, tags: Mapping[str, str], name: str) -> Run:
    """Make a run, which began so many milliseconds after 1970, with the tag `run_key`.

    It takes the place of one that an earlier version made, whose metrics have other names: MLflow removes no metric
    of a run. That one is deleted, which `mlflow runs restore` takes back; note and tags that a user wrote go on.
    """
    _, earlier = _by_version(client, experiment, tags["run_key"])
    written = {key: value for run in earlier for key, value in run.data.tags.items() if _is_users(key)}
    made = client.create_run(experiment.experiment_id, begun, written | dict(tags) | NAMES, name)
    for run in earlier:
        client.delete_run(run.info.run_id)
    return client.get_run(made.info.run_id)  # what `create_run` returns has no inputs or outputs to look into


def _by_version(client: MlflowClient, experiment: Experiment, key: str) -> tuple[list[Run], list[Run]]:
    """Return the runs with a key that this version made, and those of an earlier one."""
    found = client.search_runs([experiment.experiment_id], f"tags.run_key = '{key}'")
    current = [run for run in found if is_of_this_version(run)]
    others = [run for run in found if run not in current]
    for run in others:
        if (version := run.data.tags.get("metric_names", "1")) not in EARLIER:
            raise UserError(
                f"the run {run.info.run_id} has metrics named by version {version} of the names, and this project "
                f"knows {NAMES['metric_names']}: install the version of this project that mirrored the run"
            )
    return current, others


def is_of_this_version(run: Run) -> bool:
    """Say whether a run's metrics have this version's names."""
    return bool(run.data.tags.items() >= NAMES.items())


def _is_users(tag: str) -> bool:
    return tag == NOTE or not tag.startswith("mlflow.")


def set_params(client: MlflowClient, run: Run, settings: Iterable[tuple[str, str]]) -> None:
    """Log the parameters that the run lacks: MLflow never lets one change."""
    from mlflow.entities import Param

    new = [(key, value[:6000]) for key, value in settings if key not in run.data.params]
    for chunk in chunks(new, PARAMS):
        client.log_batch(run.info.run_id, params=[Param(key, value) for key, value in chunk])


def set_metrics(client: MlflowClient, run: Run, values: Mapping[str, float], model: str | None = None) -> None:
    """Log the metrics whose last value in the run is another one, also as those of a logged model."""
    from mlflow.entities import Metric

    moment = round(time.time() * 1000)
    changed = {key: value for key, value in values.items() if not _is_same(run.data.metrics.get(key), value)}
    for chunk in chunks(changed.items(), POINTS):
        points = [Metric(key, value, moment, 0, model_id=model) for key, value in chunk]
        client.log_batch(run.info.run_id, metrics=points)


def log_lines(client: MlflowClient, run: Run, lines: Sequence[Sequence[Metric]]) -> None:
    """Log lines of points, many in a call, but each line's in one call and so in one transaction."""
    for chunk in chunks(lines, POINTS // max(map(len, lines), default=1)):
        client.log_batch(run.info.run_id, metrics=[point for points in chunk for point in points])


def _is_same(known: float | None, value: float) -> bool:
    return known == value or (known is not None and isnan(known) and isnan(value))


def set_tags(client: MlflowClient, run: Run, tags: Mapping[str, str]) -> None:
    """Set the tags that the run has otherwise."""
    for key, value in tags.items():
        if run.data.tags.get(key) != value:
            client.set_tag(run.info.run_id, key, value)


def set_note(client: MlflowClient, run: Run, text: str, begins: tuple[str, ...]) -> None:
    """Set the text that MLflow shows with a run, unless it is somebody's: it `begins` otherwise than any of these."""
    if run.data.tags.get(NOTE, text).startswith(begins):
        set_tags(client, run, {NOTE: text})


def set_status(client: MlflowClient, run: Run, status: str, ended: int) -> None:
    """Set the status that the run has otherwise, and for one that does not go on when it `ended`, in milliseconds."""
    if status == "RUNNING":
        if run.info.status != status:
            client.update_run(run.info.run_id, status)
    elif (run.info.status, run.info.end_time) != (status, ended):
        client.set_terminated(run.info.run_id, status, ended)


def all_runs(client: MlflowClient, experiment: Experiment) -> Iterator[Run]:
    """Yield every run of an experiment that is not deleted."""
    token: str | None = None
    while token != "":
        found = client.search_runs([experiment.experiment_id], max_results=POINTS, page_token=token)
        yield from found
        token = found.token or ""


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Split items into lists of at most `size`: MLflow takes no more in one call."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
