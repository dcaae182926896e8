"""Get and make the experiments of a store, each with a description and the kind by which MLflow chooses its pages."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from enco.errors import UserError
from enco.tracking.mlflow_run import NOTE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

LOCATION = "mlflow-artifacts:/"
"""The place of files as a database says it: the server that shows files knows the folder."""
KIND = {"mlflow.experimentKind": "custom_model_development"}
"""MLflow's pages of trainings, and not those of language models."""
DEFAULT = "0"
"""The id of the experiment that MLflow makes in every store, for runs that name none."""


def open_experiment(client: MlflowClient, name: str, about: str, home: Path | None) -> Experiment:
    """Get or make an experiment; `about` becomes its description where it has none.

    `home` is as `mirror` takes it. Raises UserError if deleted or if its files are not kept beside the database.
    """
    experiment = client.get_experiment_by_name(name) or _new_experiment(client, name, home)
    command = f"MLFLOW_TRACKING_URI={shlex.quote(client.tracking_uri)} mlflow experiments"
    if experiment.lifecycle_stage == "deleted":
        cure = f"`{command} restore --experiment-id {experiment.experiment_id}` brings it back"
        raise UserError(f"the experiment '{name}' is deleted in MLflow: {cure}")
    if home and experiment.artifact_location != LOCATION:
        cure = f"`{command} rename --experiment-id {experiment.experiment_id} --new-name NAME` makes room"
        where = f"{experiment.artifact_location} and not beside {home}"
        raise UserError(f"the experiment '{name}' keeps its artifacts at {where}: {cure}")
    for key, value in {NOTE: about, **KIND}.items():
        if key not in experiment.tags:
            client.set_experiment_tag(experiment.experiment_id, key, value)
    return experiment


def hide_default(client: MlflowClient) -> None:
    """Delete the Default experiment of a database while it is empty: `mlflow experiments restore` brings it back."""
    default = client.get_experiment(DEFAULT)
    if default.lifecycle_stage == "active" and not client.search_runs([DEFAULT], max_results=1):
        client.delete_experiment(DEFAULT)


def _new_experiment(client: MlflowClient, name: str, home: Path | None) -> Experiment:
    from mlflow import MlflowException

    try:
        return client.get_experiment(client.create_experiment(name, LOCATION if home else None))
    except MlflowException:
        if experiment := client.get_experiment_by_name(name):  # another process was quicker
            return experiment
        raise
