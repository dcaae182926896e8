"""A parent for the MLflow runs of one row: the means over its seeds, and how much seeds change them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from enco.io.locks import locked
from enco.tracking.mlflow_run import find_run, set_metrics, set_params, set_status, set_tags
from enco.tracking.run_reader import RunFiles, flatten

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run

LOCK = ".mlflow.lock"
PARENT, NOTE = "mlflow.parentRunId", "mlflow.note.content"
"""Tags by which MLflow's pages know a run's parent, and the text that they show with a run."""
SEED_SD = "_seed_sd"
"""How the metric ends that is another one's sample standard deviation over seeds."""
SAMPLING_SD = "/sampling_sd"
"""How metrics end that are standard deviations themselves (`python -m eval.uncertainty`): their mean says enough."""
ORDER = ("RUNNING", "FAILED", "KILLED", "FINISHED")
"""The status of a parent is the first of these that a child has."""


def mirror_row(client: MlflowClient, experiment: Experiment, files: RunFiles) -> None:
    """Bring the parent of a mirrored run's row up to date, where several seeds of the row are in the store.

    Its numbers are those of the run's scores, from all of the row's runs in the store; of a seed that was trained more
    than once, from the run that began last.
    """
    if len(_seeds(_children(client, experiment, files))) < 2:
        return
    with locked(files.folder.parent / LOCK):
        children = _children(client, experiment, files)
        counted = _seeds(children)
        key = f"row@{files.row_key}"
        parent = find_run(client, experiment, key) or _create(client, experiment, files, key, counted)
        set_params(client, parent, flatten(files.record.config.model_dump(mode="json", exclude={"seed"})))
        set_metrics(client, parent, _means(counted, files.scores))
        set_tags(client, parent, _about(counted))
        for child in children:
            set_tags(client, child, {PARENT: parent.info.run_id})
        status = next(one for one in ORDER if one in {child.info.status for child in counted})
        set_status(client, parent, status, max(child.info.end_time or 0 for child in counted))


def _children(client: MlflowClient, experiment: Experiment, files: RunFiles) -> list[Run]:
    """Return the runs of a row that the store has, the first to begin first."""
    same = f"tags.row_key = '{files.row_key}'"
    return list(client.search_runs([experiment.experiment_id], same, order_by=["attributes.start_time ASC"]))


def _seeds(children: Iterable[Run]) -> list[Run]:
    """Return the last run of each seed, by seed."""
    last = {int(child.data.tags["seed"]): child for child in children}
    return [last[seed] for seed in sorted(last)]


def _create(client: MlflowClient, experiment: Experiment, files: RunFiles, key: str, children: Sequence[Run]) -> Run:
    config = files.record.config
    tags = config.model_dump(mode="json", include={"task", "method", "variant", "scale"}) | {"run_key": key}
    begun = min(child.info.start_time for child in children)
    return client.create_run(experiment.experiment_id, begun, tags, config.variant or config.method)


def _means(children: Sequence[Run], keys: Iterable[str]) -> dict[str, float]:
    """Return the mean of each metric over the children that have it, and beside it their standard deviation."""
    found: dict[str, float] = {}
    for key in keys:
        values = [child.data.metrics[key] for child in children if key in child.data.metrics]
        if values:
            found[key] = fmean(values)
        if len(values) > 1 and not key.endswith(SAMPLING_SD):
            found[key + SEED_SD] = stdev(values)
    return found


def _about(children: Sequence[Run]) -> dict[str, str]:
    seeds = ", ".join(child.data.tags["seed"] for child in children)
    return {
        "seeds": seeds,
        NOTE: f"Means over the seeds {seeds}. Metrics ending in `{SEED_SD}` are their sample standard deviations.",
    }
