"""How busy a machine was while a training was followed."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from filelock import FileLock

from enco.tracking.follower import follow, sync
from enco.tracking.store import Store
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
