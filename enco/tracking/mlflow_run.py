"""Bring a run of MLflow up to date: each of these functions writes what the run lacks, and nothing that is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from math import isnan
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run

T = TypeVar("T")

POINTS, PARAMS = 1000, 100
"""The most of each that MLflow takes in one call."""


def find_run(client: MlflowClient, experiment: Experiment, key: str) -> Run | None:
    """Return the run of an experiment that has a key as its tag `run_key`, if there is one."""
    same = f"tags.run_key = '{key}'"
    return next(iter(client.search_runs([experiment.experiment_id], same, max_results=1)), None)


def set_params(client: MlflowClient, run: Run, settings: Iterable[tuple[str, str]]) -> None:
    """Log the parameters that the run lacks: MLflow never lets one change."""
    from mlflow.entities import Param

    new = [(key, value[:6000]) for key, value in settings if key not in run.data.params]
    for chunk in chunks(new, PARAMS):
        client.log_batch(run.info.run_id, params=[Param(key, value) for key, value in chunk])


def set_metrics(client: MlflowClient, run: Run, values: Mapping[str, float]) -> None:
    """Log the metrics whose last value in the run is another one."""
    for key, value in values.items():
        known = run.data.metrics.get(key)
        if known != value and not (known is not None and isnan(known) and isnan(value)):
            client.log_metric(run.info.run_id, key, value)


def set_tags(client: MlflowClient, run: Run, tags: Mapping[str, str]) -> None:
    """Set the tags that the run has otherwise."""
    for key, value in tags.items():
        if run.data.tags.get(key) != value:
            client.set_tag(run.info.run_id, key, value)


def set_status(client: MlflowClient, run: Run, status: str, ended: int) -> None:
    """Set the status that the run has otherwise, and for one that does not go on when it `ended`, in milliseconds."""
    if status == "RUNNING":
        if run.info.status != status:
            client.update_run(run.info.run_id, status)
    elif (run.info.status, run.info.end_time) != (status, ended):
        client.set_terminated(run.info.run_id, status, ended)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Split items into lists of at most `size`: MLflow takes no more in one call."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
