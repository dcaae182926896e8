"""The parent of a row's runs in MLflow: means over its seeds, and how much seeds and test images change them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from math import isnan
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from filelock import FileLock

from enco.io.files import read_json, write_json
from enco.tracking.follower import sync
from enco.tracking.mlflow_run import NOTE, PARENT
from enco.tracking.run_reader import read_run_files
from enco.tracking.store import Store
from enco.training.run_folder import LOCK
from tests.support.tracked_runs import EXPERIMENT, content, set_state, write_scores, write_uncertainty

DISTANCE = "FID"


def train(runs: Path, seed: int, distance: float, *, minute: int = 0, name: str = "", **about: Any) -> Path:
    """A finished training of a seed with its scores and their uncertainty; `about` changes its config.json."""
    folder = runs / (name or f"seed{seed}")
    if not folder.exists():
        shutil.copytree(runs / "seed0", folder, ignore=shutil.ignore_patterns("mlflow.json"))
    record = read_json(folder / "config.json")
    config, begun = record["config"] | {"seed": seed}, f"2026-01-01T00:{minute:02d}:{seed:02d}.000001+00:00"
    settings = record["settings"] | {"seed": seed} | about.pop("settings", {})
    write_json(folder / "config.json", {**record, "config": config, "settings": settings, "begun": begun, **about})
    score(folder, distance)
    return folder


def train_each(runs: Path, *distances: float) -> None:
    """A finished training of each seed from 0 on, with these scores."""
    for seed, distance in enumerate(distances):
        train(runs, seed, distance)


def score(folder: Path, distance: float) -> None:
    write_scores(folder, distance)
    write_uncertainty(folder, frechet_distance=distance, KID=distance / 100)


def all_runs(store: Store) -> list[Any]:
    client = store.connect()
    return list(client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id]))


def parents(store: Store) -> list[Any]:
    return [run for run in all_runs(store) if run.data.tags["run_key"].startswith("row@")]


def children(store: Store, parent: Any) -> list[Any]:
    return [run for run in all_runs(store) if run.data.tags.get(PARENT) == parent.info.run_id]


def numbers(metrics: Mapping[str, float]) -> list[float]:
    return [metrics[name] for name in ("FID", "FID_seed_sd", "FID_sd", "KID", "KID_sd")]


def test_a_row_of_several_seeds_has_a_parent_with_mean_and_deviations(store: Store, runs: Path) -> None:
    train_each(runs, 10.0, 13.0, 19.0)
    assert sync(store, runs) == (3, 3)
    (parent,) = parents(store)
    assert numbers(parent.data.metrics) == pytest.approx([14.0, stdev([10, 13, 19]), 1.4, 0.14, 0.014])
    assert "FID_sd_seed_sd" not in parent.data.metrics
    assert not [name for name in parent.data.metrics if name.startswith(("loss", "lr", "sec_per_iter"))]
    walls = [run.data.metrics["run/wall_seconds"] for run in children(store, parent)]
    assert parent.data.metrics["run/wall_seconds"] == pytest.approx(fmean(walls))
    assert sorted(run.data.tags["seed"] for run in children(store, parent)) == ["0", "1", "2"]
    tags, params = parent.data.tags, parent.data.params
    assert (parent.info.run_name, tags["method"], tags["task"]) == ("cyclegan", "cyclegan", "noise")
    assert tags["seeds"] == "0, 1, 2" and "Means over the seeds 0, 1, 2, of each" in tags[NOTE]
    assert "No scores yet" not in tags[NOTE]
    assert params["options.lambda_identity"] == "0.5" and "seed" not in params
    assert parent.info.status == "FINISHED"
    assert parent.info.start_time == min(run.info.start_time for run in children(store, parent))


def test_twice_changes_nothing_and_a_further_seed_moves_the_mean(store: Store, runs: Path) -> None:
    train_each(runs, 10.0, 13.0)
    sync(store, runs)
    (before,), once = parents(store), content(store)
    sync(store, runs)
    sync(store, runs / "seed1")
    assert content(store) == once
    train(runs, 2, 19.0)
    sync(store, runs / "seed2")
    (after,) = parents(store)
    assert after.info.run_id == before.info.run_id
    assert (before.data.metrics[DISTANCE], after.data.metrics[DISTANCE]) == (11.5, 14.0)
    assert after.data.tags["seeds"] == "0, 1, 2" and len(children(store, after)) == 3
    score(runs / "seed2", 22.0)
    sync(store, runs)
    assert parents(store)[0].data.metrics[DISTANCE] == 15.0


def test_one_seed_has_no_parent_and_other_settings_or_images_are_another_row(store: Store, runs: Path) -> None:
    train(runs, 0, 10.0)
    train(runs, 1, 13.0, settings={"options.k": 2})
    train(runs, 2, 19.0, data_hash="other")
    assert sync(store, runs) == (3, 3)
    assert parents(store) == []
    assert not [run for run in all_runs(store) if PARENT in run.data.tags]


def test_of_a_seed_that_was_trained_twice_the_later_training_counts(store: Store, runs: Path) -> None:
    train_each(runs, 10.0, 20.0)
    train(runs, 0, 99.0, minute=59, name="again")
    sync(store, runs)
    (parent,) = parents(store)
    assert parent.data.metrics[DISTANCE] == fmean([99.0, 20.0])
    assert parent.data.tags["seeds"] == "0, 1" and len(children(store, parent)) == 3


def test_a_seed_without_scores_is_in_no_mean_and_said(store: Store, runs: Path) -> None:
    train_each(runs, 10.0, 14.0, 99.0)
    shutil.rmtree(runs / "seed2" / "eval")
    sync(store, runs)
    (parent,) = parents(store)
    tags, metrics = parent.data.tags, parent.data.metrics
    assert tags["seeds"] == "0, 1" and tags[NOTE].endswith("No scores yet: seed 2.")
    assert numbers(metrics)[0] == 12.0 and "run/wall_seconds_seed_sd" in metrics
    shutil.rmtree(train(runs, 1, 0.0, minute=59, name="again") / "eval")
    sync(store, runs / "again")
    (parent,) = parents(store)
    assert parent.data.tags["seeds"] == "0" and parent.data.tags[NOTE].endswith("No scores yet: seed 1, 2.")
    assert parent.data.metrics[DISTANCE] == 10.0 and isnan(parent.data.metrics[f"{DISTANCE}_seed_sd"])
    once = content(store)
    sync(store, runs)
    assert content(store) == once
    score(runs / "again", 16.0)
    sync(store, runs)
    assert numbers(parents(store)[0].data.metrics)[:2] == pytest.approx([13.0, stdev([10, 16])])


def test_scores_count_whichever_seed_is_mirrored_last(store: Store, runs: Path) -> None:
    train_each(runs, 10.0, 99.0)
    shutil.rmtree(runs / "seed1" / "eval")
    sync(store, runs / "seed0")
    sync(store, runs / "seed1")
    assert parents(store)[0].data.metrics[DISTANCE] == 10.0


def test_an_option_that_an_upgrade_brings_parts_no_row_at_its_default(runs: Path) -> None:
    known = read_json(runs / "seed0" / "config.json")["settings"]
    old = {key: value for key, value in known.items() if key != "options.lambda_identity"}

    def row_key(settings: dict[str, Any]) -> str:
        write_json(runs / "seed0" / "config.json", read_json(runs / "seed0" / "config.json") | {"settings": settings})
        return read_run_files(runs / "seed0").row_key

    assert row_key(old) == row_key(known) != row_key({**known, "options.lambda_identity": 0.25})


def test_a_number_that_only_an_earlier_training_has_is_no_rows(store: Store, runs: Path) -> None:
    train_each(runs, 10.0, 20.0)
    write_scores(runs / "seed0", 5.0, task="back")
    shutil.rmtree(train(runs, 0, 99.0, minute=59, name="again") / "eval")
    score(runs / "again", 99.0)
    assert sync(store, runs) == (3, 3)
    assert sync(store, runs / "seed0") == (1, 1)
    (parent,) = parents(store)
    assert DISTANCE in parent.data.metrics
    assert sum("back/FID" in run.data.metrics for run in children(store, parent)) == 1


def test_a_parent_goes_on_while_a_child_does_and_ends_with_the_last(store: Store, runs: Path) -> None:
    def status() -> str:
        sync(store, runs)
        return str(parents(store)[0].info.status)

    train_each(runs, 10.0, 20.0)
    set_state(runs / "seed1", state="running")
    with FileLock(runs / "seed1" / LOCK):
        assert status() == "RUNNING"
    set_state(runs / "seed1", state="diverged", reason="NaN")
    assert status() == "FAILED"
    set_state(runs / "seed1", state="finished", reason=None)
    assert status() == "FINISHED"
    set_state(train(runs, 2, 30.0), updated="2126-01-01T00:00:00+00:00")
    assert status() == "FINISHED"
    (parent,) = parents(store)
    assert parent.info.end_time == max(run.info.end_time for run in children(store, parent)) > 4e12


def test_a_deleted_parent_is_made_anew_with_all_its_children(store: Store, runs: Path) -> None:
    train_each(runs, 10.0, 20.0)
    sync(store, runs)
    (first,) = parents(store)
    store.connect().delete_run(first.info.run_id)
    sync(store, runs)
    (second,) = parents(store)
    assert second.info.run_id != first.info.run_id
    assert len(children(store, second)) == 2 and second.data.metrics == first.data.metrics


def test_a_seed_is_no_part_of_a_row(runs: Path) -> None:
    one, other = (read_run_files(train(runs, seed, 1.0)) for seed in (0, 1))
    assert one.row_key == other.row_key and one.key != other.key


def test_what_a_user_writes_at_a_parent_stays(store: Store, runs: Path) -> None:
    train_each(runs, 10.0, 20.0)
    sync(store, runs)
    client, (parent,) = store.connect(), parents(store)
    client.set_tag(parent.info.run_id, NOTE, "The best row.")
    client.log_metric(parent.info.run_id, "votes", 3.0)
    shutil.rmtree(runs / "seed1" / "eval")
    sync(store, runs)
    (parent,) = parents(store)
    assert parent.data.tags[NOTE] == "The best row." and parent.data.metrics["votes"] == 3.0
    assert parent.data.tags["seeds"] == "0" and parent.data.metrics[DISTANCE] == 10.0
    assert isnan(parent.data.metrics[f"{DISTANCE}_seed_sd"])
