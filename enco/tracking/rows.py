"""A parent for the MLflow runs of one row: the means over its seeds, and how much seeds change them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan, nan
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from enco.io.locks import locked
from enco.tracking.mlflow_run import (
    PARENT,
    find_run,
    is_of_this_version,
    make_run,
    set_metrics,
    set_note,
    set_params,
    set_status,
    set_tags,
)
from enco.tracking.run_reader import RunFiles, flatten
from enco.tracking.scores import SD, is_score

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run

LOCK = ".mlflow.lock"
SEED_SD = "_seed_sd"
"""How the metric ends that is another one's sample standard deviation over seeds."""
NOTE_BEGINS = ("Means over the seeds", "No scores yet:")
ORDER = ("RUNNING", "FAILED", "KILLED", "FINISHED")
"""The status of a parent is the first of these that a child has."""


def mirror_row(client: MlflowClient, experiment: Experiment, files: RunFiles) -> None:
    """Bring the parent of a mirrored run's row up to date, where several seeds of the row are in the store.

    Its numbers are from all of the row's runs in the store that have scores; of a seed that was trained more than once,
    from the run that began last. A number that none of them has any more becomes NaN, as MLflow lets no metric go.
    """
    if len(_seeds(_children(client, experiment, files))) < 2:
        return
    with locked(files.folder.parent / LOCK):
        children = _children(client, experiment, files)
        counted = _seeds(children)
        key = f"row@{files.row_key}"
        parent = find_run(client, experiment, key) or _create(client, experiment, files, key, counted)
        set_params(client, parent, flatten(files.record.config.model_dump(mode="json", exclude={"seed"})))
        ours = {key + end for key in _keys(_ever(client, experiment, files)) for end in ("", SEED_SD)}
        gone = dict.fromkeys(ours & parent.data.metrics.keys(), nan)
        set_metrics(client, parent, gone | _means(_scored(counted)))
        set_tags(client, parent, {"seeds": _names(_scored(counted)) or "none"})
        set_note(client, parent, _about(counted), NOTE_BEGINS)
        for child in children:
            set_tags(client, child, {PARENT: parent.info.run_id})
        status = next(one for one in ORDER if one in {child.info.status for child in counted})
        set_status(client, parent, status, max(child.info.end_time or 0 for child in counted))


def _children(client: MlflowClient, experiment: Experiment, files: RunFiles) -> list[Run]:
    """Return the runs of a row that the store has, the first to begin first."""
    return [run for run in _ever(client, experiment, files) if run.info.lifecycle_stage == "active"]


def _ever(client: MlflowClient, experiment: Experiment, files: RunFiles) -> list[Run]:
    """Return the runs of a row that the store has or had: what somebody deletes in MLflow can still be found."""
    from mlflow.entities import ViewType

    same, first = f"tags.row_key = '{files.row_key}'", ["attributes.start_time ASC"]
    found = client.search_runs([experiment.experiment_id], same, ViewType.ALL, order_by=first)
    return [run for run in found if is_of_this_version(run)]


def _seeds(children: Iterable[Run]) -> list[Run]:
    """Return the last run of each seed, by seed."""
    last = {int(child.data.tags["seed"]): child for child in children}
    return [last[seed] for seed in sorted(last)]


def _create(client: MlflowClient, experiment: Experiment, files: RunFiles, key: str, children: Sequence[Run]) -> Run:
    config = files.record.config
    tags = config.model_dump(mode="json", include={"task", "method", "variant", "scale"}) | {"run_key": key}
    begun = min(child.info.start_time for child in children)
    return make_run(client, experiment, begun, tags, config.variant or config.method)


def _scored(children: Iterable[Run]) -> list[Run]:
    return [child for child in children if any(is_score(key) and not isnan(x) for key, x in child.data.metrics.items())]


def _means(children: Sequence[Run]) -> dict[str, float]:
    """Return the mean of each number over the children that have it, and beside it their standard deviation."""
    found: dict[str, float] = {}
    for key in _keys(children):
        values = [child.data.metrics[key] for child in children if not isnan(child.data.metrics.get(key, nan))]
        if values:
            found[key] = fmean(values)
        if len(values) > 1 and not key.endswith(SD):
            found[key + SEED_SD] = stdev(values)
    return found


def _keys(children: Iterable[Run]) -> dict[str, None]:
    """Return the names of the numbers that a row has means of."""
    keys = dict.fromkeys(key for child in children for key in child.data.metrics)
    return {key: None for key in keys if is_score(key) or key.startswith("run/")}


def _about(children: Sequence[Run]) -> str:
    scored = _scored(children)
    seeds, others = _names(scored), _names(child for child in children if child not in scored)
    about = [
        f"{NOTE_BEGINS[0]} {seeds}, of each metric over those that have it." if scored else "",
        f"Metrics ending in `{SEED_SD}` are their sample standard deviations." if scored else "",
        f"{NOTE_BEGINS[1]} seed {others}." if others else "",
    ]
    return " ".join(filter(None, about))


def _names(children: Iterable[Run]) -> str:
    return ", ".join(child.data.tags["seed"] for child in children)
