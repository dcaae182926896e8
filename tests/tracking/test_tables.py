"""The run of tables and figures, and the links between the run and the runs behind the tables."""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from enco.errors import UserError
from enco.tracking import tables
from enco.tracking.__main__ import main
from enco.tracking.follower import sync, sync_tables
from enco.tracking.mlflow_run import NOTE
from enco.tracking.store import Store
from enco.tracking.tables import page, read_cells
from enco.training.run_folder import now
from tests.support.tracked_runs import begin_again, content, only_run

RUN = "own/runs/noise/cyclegan/seed0"


@pytest.fixture
def results(runs: Path) -> Path:
    """A results folder with one run, moved from where its tables name it, and the tables of two parts."""
    moved = runs.parent / "elsewhere"
    (moved / RUN).parent.mkdir(parents=True)
    (runs / "seed0").rename(moved / RUN)
    for part in ("seed0", "seed0-1"):
        write_tables(moved / "own" / part, [f"results/{RUN}", "", f"results/{RUN}", "results/own/runs/gone/x/seed0"])
    return moved


def write_tables(folder: Path, runs: list[str]) -> None:
    for below in ("figures", "so_far"):
        (folder / below).mkdir(parents=True)
    for name in (
        "so_far/table1.md",
        "table1.md",
        "table1.html",
        "figures/noise.png",
        "timing.json",
        "figures/noise.txt",
        "figures/.hidden.lock",
    ):
        (folder / name).write_text(name)
    write_cells(folder, runs)


def write_cells(folder: Path, runs: list[str]) -> None:
    with (folder / "cells.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["table", "run", "value"])
        writer.writeheader()
        writer.writerows({"table": "1", "run": run, "value": 1.0} for run in runs)


def tables_runs(store: Store) -> dict[str, Any]:
    client = store.connect()
    place = client.get_experiment_by_name("own/tables").experiment_id
    return {run.info.run_name: run for run in client.search_runs([place])}


def test_tables_lie_beside_a_run_of_their_own(store: Store, results: Path) -> None:
    assert sync(store, results) == (1, 1) and sync_tables(store, results / "own" / "seed0")
    found = tables_runs(store)["seed0"]
    assert store.home
    beside = store.home / "mlartifacts" / found.info.run_id / "artifacts"
    names = {str(path.relative_to(beside)) for path in beside.rglob("*") if path.is_file()}
    assert names == {"cells.csv", "table1.md", "table1.html", "figures/noise.png", "figures/noise.txt"}
    assert found.info.status == "FINISHED" and found.data.tags["scale"] == "own"


def test_runs_and_their_tables_are_linked_both_ways(store: Store, results: Path) -> None:
    assert sync(store, results) == (1, 1)
    for part in ("seed0", "seed0-1"):
        assert sync_tables(store, results / "own" / part)
    run, found = only_run(store), tables_runs(store)
    for part in ("seed0", "seed0-1"):
        assert f"- noise: [cyclegan seed0]({page(run)})" in found[part].data.tags[NOTE]
        assert run.data.tags[f"tables.{part}"] == page(found[part])
        assert f"[{part}]({page(found[part])})" in run.data.tags[NOTE]
    once = content(store)
    assert sync(store, results) == (1, 1) and sync_tables(store, results / "own" / "seed0")
    assert content(store) == once


def test_what_somebody_wrote_about_a_run_stays(store: Store, results: Path) -> None:
    assert sync(store, results) == (1, 1)
    store.connect().set_tag(only_run(store).info.run_id, NOTE, "Look at the stripes.")
    assert sync_tables(store, results / "own" / "seed0")
    store.connect().set_tag(tables_runs(store)["seed0"].info.run_id, NOTE, "For the talk.")
    assert sync_tables(store, results / "own" / "seed0")
    assert tables_runs(store)["seed0"].data.tags[NOTE] == "For the talk."
    tags = only_run(store).data.tags
    assert tags[NOTE] == "Look at the stripes." and tags["tables.seed0"] == page(tables_runs(store)["seed0"])


def test_of_more_runs_than_a_note_holds_the_experiments_are_linked(
    store: Store, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "LONGEST_NOTE", 10)
    assert sync(store, results) == (1, 1) and sync_tables(store, results / "own" / "seed0")
    place = only_run(store).info.experiment_id
    assert tables_runs(store)["seed0"].data.tags[NOTE].splitlines()[2] == f"- [noise](#/experiments/{place}): 1 runs"


def test_new_tables_are_mirrored_by_the_next_sync(store: Store, results: Path) -> None:
    assert sync_tables(store, results / "own" / "seed0")
    (results / "own" / "seed0" / "new").write_text("better")
    (results / "own" / "seed0" / "new").replace(results / "own" / "seed0" / "table1.md")
    assert sync_tables(store, results / "own" / "seed0")
    assert store.home
    beside = store.home / "mlartifacts" / tables_runs(store)["seed0"].info.run_id / "artifacts"
    assert (beside / "table1.md").read_text() == "better"


def test_the_command_takes_runs_and_tables(store: Store, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = results / "own" / "seed0"
    command = ["tracking", "sync", str(results / "own" / "runs"), "--tables", str(folder), "--store", store.uri]
    monkeypatch.setattr(sys, "argv", command)
    assert main() == 0
    assert page(only_run(store)) in tables_runs(store)["seed0"].data.tags[NOTE]


def test_tables_of_other_trainings_are_another_run(store: Store, results: Path, tmp_path: Path) -> None:
    clone = shutil.copytree(results, tmp_path / "clone")
    begin_again(clone / RUN, now())
    for where in (results, clone, results):
        assert sync_tables(store, where / "own" / "seed0")
    place = store.connect().get_experiment_by_name("own/tables").experiment_id
    assert len(store.connect().search_runs([place])) == 2


def test_runs_that_are_gone_are_named_and_those_below_any_folder_found(store: Store, results: Path) -> None:
    write_cells(results / "own" / "seed0", [f"/home/own/x/own/runs/results/{RUN}", "own/runs/gone/x/seed0"])
    assert read_cells(results / "own" / "seed0")[1][0] == results / RUN
    assert sync_tables(store, results / "own" / "seed0")
    assert tables_runs(store)["seed0"].data.tags[NOTE].endswith("Without a folder:\n\n- runs/gone/x/seed0")


def test_tables_apart_from_their_runs_are_said(results: Path) -> None:
    (results / "own" / "runs").rename(results / "own" / "moved")
    with pytest.raises(UserError, match="lie apart from their runs"):
        read_cells(results / "own" / "seed0")


def test_a_folder_without_tables_is_said(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match=r"No tables lie in .* cells\.csv"):
        read_cells(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tracking", "sync", "--tables", str(tmp_path), "--store", store.uri])
    assert main() == 1
    assert f"`python -m enco.tracking sync --tables {tmp_path} --store" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["tracking", "sync", "--store", store.uri])
    with pytest.raises(UserError, match="Name a folder of runs"):
        main()
