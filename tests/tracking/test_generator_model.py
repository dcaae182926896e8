"""A run's generator as a logged model: found, with its signature and scores, and loaded by MLflow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mlflow import MlflowClient

from enco.methods.parts.generator_file import load_generator
from enco.tracking.follower import sync
from enco.tracking.store import Store
from tests.support.tracked_runs import only_run, write_scores

ROOT = Path(__file__).parents[2]


def models(store: Store) -> list[Any]:
    return list(store.connect().search_logged_models([only_run(store).info.experiment_id]))


def files_of(store: Store, model: Any) -> Path:
    assert store.home
    return store.home / "mlartifacts" / "models" / model.model_id / "artifacts"


def test_mlflow_loads_the_generator_and_it_translates_as_ours(store: Store, runs: Path) -> None:
    import mlflow.pyfunc

    assert sync(store, runs) == (1, 1)
    (model,) = models(store)
    loaded = mlflow.pyfunc.load_model(str(files_of(store, model)))
    images = np.random.default_rng(0).uniform(-1, 1, (2, 3, 32, 48)).astype(np.float32)
    expected = load_generator(runs / "seed0" / "generator.safetensors")(torch.from_numpy(images))
    assert np.array_equal(loaded.predict(images), expected.numpy())
    assert loaded.metadata.signature.inputs.inputs[0].shape == (-1, 3, -1, -1)
    with pytest.raises(Exception, match="shape"):
        loaded.predict(images[:, :2])


def test_the_model_is_one_of_its_run_with_its_scores_and_takes_no_disk(store: Store, runs: Path) -> None:
    assert sync(store, runs) == (1, 1)
    write_scores(runs / "seed0", 80.0)
    assert sync(store, runs) == (1, 1)
    (model,) = models(store)
    mirrored = only_run(store)
    assert (model.status, model.source_run_id) == ("READY", mirrored.info.run_id)
    assert [output.model_id for output in mirrored.outputs.model_outputs] == [model.model_id]
    assert {metric.key: metric.value for metric in model.metrics}["FID"] == 80.0
    assert not [metric for metric in model.metrics if metric.key.startswith("run/")]
    generator = runs / "seed0" / "generator.safetensors"
    assert (files_of(store, model) / "generator.safetensors").samefile(generator)


def test_what_was_cut_off_before_the_model_was_ready_goes_on(
    store: Store, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ConnectionError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "finalize_logged_model", fail)
        assert sync(store, runs) == (0, 1)
    assert sync(store, runs) == (1, 1)
    (model,) = models(store)
    assert model.status == "READY"
    assert [output.model_id for output in only_run(store).outputs.model_outputs] == [model.model_id]


def test_mirroring_imports_no_torch(store: Store, runs: Path) -> None:
    command = "from enco.tracking.__main__ import main; import sys; main(); print('torch' in sys.modules)"
    arguments = ["sync", str(runs), "--store", store.uri]
    ended = subprocess.run([sys.executable, "-c", command, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert ended.stdout.splitlines()[-2:] == [f"1 of 1 runs are mirrored in {store.name}.", "False"], ended
