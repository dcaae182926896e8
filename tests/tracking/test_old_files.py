"""Files of a run folder that are an earlier training's, or gone."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from math import isnan
from pathlib import Path

from enco.io.files import read_json, write_json
from enco.tracking.follower import sync
from enco.tracking.run_reader import read_run_files
from enco.tracking.store import Store
from enco.training.run_folder import now
from tests.support.tracked_runs import begin_again, content, only_run, pictures, write_scores


def test_a_new_training_in_a_folder_has_no_earlier_scores_selections_or_translations(store: Store, runs: Path) -> None:
    folder = runs / "seed0"
    write_json(folder / "selected" / "noise.json", {"distance": "FID", "candidates": [{"iteration": 6, "kid": 0.5}]})
    shutil.copytree(folder / "samples", folder / "translated" / "noise.final")
    before = read_run_files(folder)
    assert before.scores and before.snapshots and before.extractor
    record = read_json(folder / "run.json")
    (folder / "run.json").unlink()
    during = read_run_files(folder)
    assert (during.scores, during.snapshots, during.extractor) == ({}, {}, None)
    ended = datetime.now(UTC) + timedelta(seconds=2)
    write_json(folder / "run.json", record | {"finished": ended.isoformat()})
    begin_again(folder, now())
    assert read_run_files(folder).scores == {} == read_run_files(folder).snapshots
    assert sync(store, runs) == (1, 1)
    assert "FID" not in only_run(store).data.metrics
    assert not [path for path in pictures(store) if path.name.startswith("translated")]
    later = ended.timestamp() + 1
    for path in (folder / "eval" / "noise.final.json", folder / "translated" / "noise.final"):
        os.utime(path, (later, later))
    assert sync(store, runs) == (1, 1)
    assert only_run(store).data.metrics["FID"] == 81.5
    assert [path for path in pictures(store) if path.name.startswith("translated")]


def test_a_score_whose_file_is_gone_is_none_and_a_users_number_stays(store: Store, runs: Path) -> None:
    sync(store, runs)
    store.connect().log_metric(only_run(store).info.run_id, "mine", 3.0)
    (runs / "seed0" / "eval" / "noise.final.json").unlink()
    sync(store, runs)
    metrics, once = only_run(store).data.metrics, content(store)
    assert isnan(metrics["FID"]) and metrics["mine"] == 3.0 and metrics["run/wall_seconds"] > 0
    sync(store, runs)
    assert content(store) == once
    write_scores(runs / "seed0", 80.0)
    sync(store, runs)
    assert only_run(store).data.metrics["FID"] == 80.0
