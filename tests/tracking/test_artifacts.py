"""Files beside a run in MLflow: one content under two names, wherever that can be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from enco.tracking.artifacts import place
from enco.tracking.follower import sync
from enco.tracking.store import Store
from tests.support.postgres import MlflowServer
from tests.support.tracked_runs import only_run, set_state


def no_links(*_: object) -> None:
    raise OSError(18, "Invalid cross-device link")


def test_a_file_is_there_once_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    place(tmp_path / "a", tmp_path / "folder" / "b")
    assert (tmp_path / "folder" / "b").samefile(tmp_path / "a")
    place(tmp_path / "a", tmp_path / "folder" / "b")
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["b"]


@pytest.mark.parametrize("links", [True, False])
def test_what_is_replaced_is_replaced_there_too(links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "a").write_text("one")
    place(tmp_path / "a", tmp_path / "b")
    copied = (tmp_path / "b").stat().st_ino
    place(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").stat().st_ino == copied
    (tmp_path / "new").write_text("other")
    (tmp_path / "new").replace(tmp_path / "a")
    assert (tmp_path / "b").read_text() == "one"
    place(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "other"
    assert (tmp_path / "b").samefile(tmp_path / "a") is links


def test_an_ended_run_has_its_files_beside_it(store: Store, runs: Path) -> None:
    (runs / "noise-cyclegan-0.log").write_text("as printed")
    logs = str(runs / "{task}-{variant}-{seed}.log")
    assert sync(store, runs, logs) == (1, 1)
    beside = runs.parent / "mlartifacts" / only_run(store).info.run_id / "artifacts"
    for name in ("config.json", "run.json"):
        assert (beside / name).samefile(runs / "seed0" / name)
    assert (beside / "metrics.jsonl").read_bytes() == (runs / "seed0" / "metrics.jsonl").read_bytes()
    (runs / "noise-cyclegan-0.log").write_text("of another training")
    with (runs / "seed0" / "history.jsonl").open("a") as history:
        history.write("more")
    assert (beside / "train.log").read_text() == "as printed"
    assert not (beside / "history.jsonl").read_text().endswith("more")


def test_a_run_that_is_stopped_has_its_files_but_no_model(store: Store, runs: Path) -> None:
    (runs / "seed0" / "run.json").unlink()
    set_state(runs / "seed0", state="stopped")
    assert sync(store, runs) == (1, 1)
    mirrored = only_run(store)
    beside = runs.parent / "mlartifacts" / mirrored.info.run_id / "artifacts"
    assert {path.name for path in beside.glob("*.json*")} == {"config.json", "metrics.jsonl", "history.jsonl"}
    assert mirrored.outputs.model_outputs == []


@pytest.mark.slow
def test_a_server_gets_a_changed_file_of_equal_size(runs: Path, tmp_path: Path) -> None:
    server = MlflowServer(f"sqlite:///{tmp_path / 'server.db'}", tmp_path)
    server.start()
    try:
        store = Store.choose(server.address)
        (runs / "train.log").write_text("one")
        assert sync(store, runs, str(runs / "train.log")) == (1, 1)
        (runs / "train.log").write_text("two")
        assert sync(store, runs, str(runs / "train.log")) == (1, 1)
        kept = tmp_path / "artifacts" / only_run(store).info.run_id / "artifacts" / "train.log"
        found = kept if kept.exists() else next((tmp_path / "artifacts").rglob("train.log"))
        assert found.read_text() == "two"
        written = found.stat().st_mtime_ns
        assert sync(store, runs, str(runs / "train.log")) == (1, 1)
        assert found.stat().st_mtime_ns == written
    finally:
        server.kill()
