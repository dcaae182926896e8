"""Stores that an earlier version of this project wrote, and experiments as MLflow's users expect them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from enco.tracking.follower import sync
from enco.tracking.mlflow_run import NAMES, NOTE, PARENT
from enco.tracking.run_reader import read_run_files
from enco.tracking.store import Store
from tests.support.tracked_runs import EXPERIMENT, begin_again, content, only_run

OLD = "noise.final/paired/frechet_distance"


def as_before(client: MlflowClient, folder: Path) -> str:
    """A run as earlier versions mirrored it: metrics by file, and no tag that tells their names."""
    files = read_run_files(folder)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    place = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT, "mlflow-artifacts:/")
    tags = {"run_key": files.key, "row_key": files.row_key, "seed": str(files.record.config.seed)}
    run = client.create_run(place, tags=tags)
    client.log_metric(run.info.run_id, OLD, 81.5)
    return str(run.info.run_id)


def deleted(client: MlflowClient) -> list[str]:
    place = client.get_experiment_by_name(EXPERIMENT).experiment_id
    return [run.info.run_id for run in client.search_runs([place], run_view_type=ViewType.DELETED_ONLY)]


def test_a_run_with_earlier_names_gives_way_to_one_with_these(store: Store, runs: Path) -> None:
    client = store.connect()
    earlier = as_before(client, runs / "seed0")
    client.set_tag(earlier, "favourite", "yes")
    client.set_tag(earlier, NOTE, "Look at the stripes.")
    assert sync(store, runs) == (1, 1)
    mirrored = only_run(store)
    assert OLD not in mirrored.data.metrics and mirrored.data.metrics["FID"] == 81.5
    assert (mirrored.data.tags["favourite"], mirrored.data.tags[NOTE]) == ("yes", "Look at the stripes.")
    assert deleted(client) == [earlier]
    once = content(store)
    assert sync(store, runs) == (1, 1)
    assert content(store) == once


def test_an_earlier_run_beside_that_of_this_version_is_deleted_as_after_a_kill(store: Store, runs: Path) -> None:
    assert sync(store, runs) == (1, 1)
    kept = only_run(store).info.run_id
    earlier = as_before(store.connect(), runs / "seed0")
    assert sync(store, runs) == (1, 1)
    assert only_run(store).info.run_id == kept and deleted(store.connect()) == [earlier]


def test_earlier_names_are_in_no_mean(store: Store, runs: Path) -> None:
    shutil.copytree(runs / "seed0", runs / "again")
    begin_again(runs / "again", "2026-01-01T00:00:00+00:00")
    client = store.connect()
    earlier = as_before(client, runs / "again")
    client.set_tag(earlier, "seed", "7")
    assert sync(store, runs / "seed0") == (1, 1)
    place = client.get_experiment_by_name(EXPERIMENT).experiment_id
    assert not [run for run in client.search_runs([place]) if PARENT in run.data.tags], "one seed has these names"


def test_an_experiment_says_what_it_is_and_keeps_what_a_user_says(store: Store, runs: Path) -> None:
    assert sync(store, runs) == (1, 1)
    client = store.connect()
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment.tags[NOTE].startswith("Every method on noise, at scale own")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    client.set_experiment_tag(experiment.experiment_id, NOTE, "Mine.")
    assert sync(store, runs) == (1, 1)
    assert client.get_experiment(experiment.experiment_id).tags[NOTE] == "Mine."


def test_an_empty_default_experiment_is_not_shown(store: Store, runs: Path) -> None:
    assert sync(store, runs) == (1, 1)
    assert [experiment.name for experiment in store.connect().search_experiments()] == [EXPERIMENT]


def test_a_default_experiment_that_somebody_uses_stays(tmp_path: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    client.restore_experiment("0")
    client.create_run("0")
    opened = Store.choose(f"sqlite:///{tmp_path / 'mlflow.db'}").connect()
    assert [experiment.name for experiment in opened.search_experiments()] == ["Default"]


def test_tags_tell_data_code_and_machine(store: Store, runs: Path) -> None:
    assert sync(store, runs) == (1, 1)
    mirrored, record = only_run(store), read_run_files(runs / "seed0").record
    tags = mirrored.data.tags
    assert (tags["dataset"], tags["device"], tags["extractor"]) == ("images", record.device, "inception")
    assert tags["version.torch"] == record.versions["torch"] and tags.items() >= NAMES.items()
    (data,) = mirrored.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("images", record.data_hash[:36])
    assert record.data_hash in data.dataset.profile
    assert [(tag.key, tag.value) for tag in data.tags] == [("mlflow.data.context", "training")]


def test_a_run_of_a_later_version_is_left_alone_and_said(
    store: Store, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sync(store, runs) == (1, 1)
    store.connect().set_tag(only_run(store).info.run_id, *{**NAMES, "metric_names": "3"}.popitem())
    once = content(store)
    assert sync(store, runs) == (0, 1)
    assert content(store) == once and deleted(store.connect()) == []
    assert "named by version 3 of the names, and this project knows 2: install" in capsys.readouterr().out
