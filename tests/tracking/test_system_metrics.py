"""How busy a machine was while a training was followed."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from mlflow import MlflowClient

from enco.tracking.follower import follow, sync
from enco.tracking.store import Store
from enco.tracking.system_metrics import EVERY_LINE, PREFIX
from enco.training.metrics_file import append_line
from enco.training.run_files import RUN_FILES, SYSTEM_FILE
from enco.training.run_folder import LOCK
from tests.support.tracked_runs import content, only_run, set_state


def lines(folder: Path) -> list[dict[str, float]]:
    path = folder / SYSTEM_FILE
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_followed_training_has_the_load_of_its_machine_in_files_and_in_mlflow(store: Store, runs: Path) -> None:
    folder = runs / "seed0"
    set_state(folder, state="running")
    with FileLock(folder / LOCK):
        follower = threading.Thread(target=follow, args=(store, folder, 0.2))
        follower.start()
        while len(lines(folder)) < 3:
            time.sleep(0.05)
        set_state(folder, state="finished")
    follower.join(600)
    assert not follower.is_alive()
    written = lines(folder)
    assert all(0 <= line["cpu_utilization_percentage"] <= 100 for line in written)
    assert all(0 < line["system_memory_usage_percentage"] <= 100 for line in written)
    client = store.connect()
    for name in written[0].keys() - {"time"}:
        points = client.get_metric_history(only_run(store).info.run_id, f"system/{name}")
        assert [(point.step, point.value) for point in points] == [(n, line[name]) for n, line in enumerate(written, 1)]
    once = content(store)
    sync(store, runs)
    assert content(store) == once


def test_a_training_that_begins_anew_moves_the_file_aside() -> None:
    assert SYSTEM_FILE in RUN_FILES


def test_a_run_that_nobody_followed_has_none(store: Store, runs: Path) -> None:
    assert sync(store, runs) == (1, 1)
    assert not [name for name in only_run(store).data.metrics if name.startswith("system/")]


def test_many_lines_take_few_calls(store: Store, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for second in range(300):
        append_line(runs / "seed0" / SYSTEM_FILE, {"time": float(second), EVERY_LINE: float(second), "other": 1.0})
    sizes, log_batch = [], MlflowClient.log_batch

    def count(client: MlflowClient, run_id: str, **what: Any) -> None:
        log_batch(client, run_id, **what)
        sizes.append([point.key.startswith(PREFIX) for point in what.get("metrics", ())].count(True))

    monkeypatch.setattr(MlflowClient, "log_batch", count)
    assert sync(store, runs) == (1, 1)
    assert [size for size in sizes if size] == [600]
