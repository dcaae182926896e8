from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from enco.config.yaml import read_yaml
from enco.errors import UserError
from enco.io.files import read_json, write_json
from enco.tracking.__main__ import main
from enco.tracking.follower import follow, start_follower, sync, warn
from enco.tracking.mirror import milliseconds
from enco.tracking.run_reader import run_folders
from enco.tracking.store import Store
from enco.training.run_folder import LOCK, is_held, now
from tests.support.tracked_runs import EXPERIMENT, begin_again, content, only_run, pictures, set_state, write_scores
from workflow.project import Project

ROOT = Path(__file__).parents[2]


def test_a_finished_run_is_mirrored_whole(store: Store, runs: Path) -> None:
    assert sync(store, runs) == (1, 1)
    mirrored, client = only_run(store), store.connect()
    assert mirrored.info.status == "FINISHED"
    assert mirrored.data.params["options.lambda_identity"] == "0.5"
    assert mirrored.data.params["train.n_const"] == "1"
    tags = mirrored.data.tags
    assert (tags["method"], tags["task"], tags["seed"], tags["state"]) == ("cyclegan", "noise", "0", "finished")
    assert tags["config_hash"] == read_json(runs / "seed0" / "run.json")["config_hash"]
    metrics = mirrored.data.metrics
    assert (metrics["FID"], metrics["FID_full"], metrics["precision"]) == (81.5, 82.5, 50.0)
    assert "recall" not in metrics and metrics["run/wall_seconds"] > 0
    history = client.get_metric_history(mirrored.info.run_id, "loss/cycle_a")
    lines = [json.loads(line) for line in (runs / "seed0" / "metrics.jsonl").read_text().splitlines()]
    assert mirrored.info.start_time == milliseconds(read_json(runs / "seed0" / "config.json")["begun"])
    assert [(m.step, m.value) for m in history] == [(line["iteration"], line["losses"]["cycle_a"]) for line in lines]
    assert "loss/cycle_a" in mirrored.data.metrics and "lr/generators" in mirrored.data.metrics
    assert sorted(int(path.name.split("+")[2]) for path in pictures(store) if path.suffix == ".png") == [5, 10, 12]
    assert read_json(runs / "seed0" / "mlflow.json")["run_id"] == mirrored.info.run_id


def test_twice_changes_nothing(store: Store, runs: Path) -> None:
    declared = (runs / "seed0" / "run.json").read_bytes()
    sync(store, runs)
    assert (runs / "seed0" / "run.json").read_bytes() == declared
    once, drawn = content(store), pictures(store)
    noted = (runs / "seed0" / "mlflow.json").stat().st_mtime_ns
    sync(store, runs)
    assert content(store) == once
    assert pictures(store) == drawn
    assert (runs / "seed0" / "mlflow.json").stat().st_mtime_ns == noted


def test_what_comes_later_is_added(store: Store, runs: Path) -> None:
    folder = runs / "seed0"
    text = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    (folder / "metrics.jsonl").write_text("".join(text[:5]) + text[5][:20])
    sync(store, runs)
    (folder / "metrics.jsonl").write_text("".join(text))
    shutil.copy(folder / "samples" / "iter0000005.png", folder / "samples" / "iter0000013.png")
    write_scores(folder, 80.0)
    sync(store, runs)
    mirrored, client = only_run(store), store.connect()
    steps = [m.step for m in client.get_metric_history(mirrored.info.run_id, "loss/cycle_a")]
    assert steps == list(range(1, 13))
    assert len(pictures(store)) == 2 * 4
    assert mirrored.data.metrics["FID"] == 80.0


def test_a_lost_store_is_built_anew(store: Store, runs: Path, empty_store: Path) -> None:
    sync(store, runs)
    before = only_run(store)
    shutil.copy(empty_store, store.uri.removeprefix("sqlite:///"))
    shutil.rmtree(runs.parent / "mlartifacts")
    sync(store, runs)
    after = only_run(store)
    assert after.info.run_id != before.info.run_id
    assert read_json(runs / "seed0" / "mlflow.json")["run_id"] == after.info.run_id
    assert after.data.params == before.data.params
    assert after.data.metrics == before.data.metrics
    assert len(pictures(store)) == 2 * 3


@pytest.mark.parametrize(
    ("state", "status", "tag"),
    [("running", "KILLED", "killed"), ("stopped", "KILLED", "stopped"), ("failed", "FAILED", "failed")],
)
def test_no_run_is_left_running_that_is_not(store: Store, runs: Path, state: str, status: str, tag: str) -> None:
    set_state(runs / "seed0", state=state, reason="of a test")
    sync(store, runs)
    mirrored = only_run(store)
    assert (mirrored.info.status, mirrored.data.tags["state"]) == (status, tag)
    assert mirrored.data.tags["reason"] == "of a test"
    set_state(runs / "seed0", state="finished", reason=None)
    sync(store, runs)
    assert only_run(store).info.status == "FINISHED"


def test_a_run_is_followed_until_its_process_ends(store: Store, runs: Path) -> None:
    folder = runs / "seed0"
    set_state(folder, state="running")
    lock = FileLock(folder / LOCK)
    with lock:
        assert is_held(folder)
        follower = threading.Thread(target=follow, args=(store, folder, 0.2))
        follower.start()
        while not (folder / "mlflow.json").exists():
            time.sleep(0.05)
        assert only_run(store).info.status == "RUNNING"
        set_state(folder, state="finished")
    follower.join(600)
    assert not follower.is_alive()
    assert only_run(store).info.status == "FINISHED"


@pytest.mark.parametrize(
    "other", [{"config_hash": "0123"}, {"data_hash": "4567"}, {"begun": "2026-01-01T00:00:00+00:00"}]
)
def test_another_training_in_a_folder_is_another_run(other: dict[str, str], store: Store, runs: Path) -> None:
    sync(store, runs)
    about = read_json(runs / "seed0" / "config.json")
    write_json(runs / "seed0" / "config.json", about | other)
    sync(store, runs)
    client = store.connect()
    assert len(client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])) == 2


def test_one_bad_folder_is_a_warning(store: Store, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(runs / "seed0", runs / "bad")
    (runs / "bad" / "state.json").write_text("{")
    begin_again(runs / "bad", "2026-01-01T00:00:00+00:00")
    assert sync(store, runs) == (1, 2)
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert len(said) == 1 and str(runs / "bad") in said[0]


@pytest.mark.parametrize(
    ("uri", "cure"),
    [
        ("http://user:secret@127.0.0.1:9", "start the MLflow server, or name another store"),
        ("sqlite:////dev/null/mlflow.db", "make /dev/null a folder that you may write to"),
        ("sqlite:///it?s.db", "'?'"),
        ("nonsense://x", "name another with --store, sqlite:///FILE or http://HOST:PORT"),
    ],
)
def test_a_store_that_cannot_be_opened_is_one_sentence_with_the_cure_and_the_command(
    uri: str, cure: str, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(runs.parent)
    for command in (["sync", str(runs)], ["init"], ["follow", str(runs / "seed0")]):
        monkeypatch.setattr(sys, "argv", ["tracking", *command, "--store", uri])
        assert main() == 1
        said = capsys.readouterr().out
        assert said.count("warning: tracking: cannot open") == 1
        assert cure in said and "secret" not in said
        if command[0] == "sync":
            assert f"`python -m enco.tracking sync {runs} --store " in said and "0 of 1 runs are mirrored" in said
    assert list(runs.parent.glob("it*")) == []


def test_a_database_that_is_none_is_said_with_the_cure(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (runs.parent / "mlflow.db").write_text("no database, " * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{runs.parent / 'mlflow.db'}")
    monkeypatch.setattr(sys, "argv", ["tracking", "sync", str(runs)])
    assert main() == 1
    said = capsys.readouterr().out
    assert "move mlflow.db away" in said and f"`python -m enco.tracking sync {runs}` makes up" in said


def test_an_environment_in_which_mlflow_makes_no_database_is_said(
    store: Store, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alembic reads the path to MLflow's own files as a pattern, in which a '%' begins a name."""
    installed = tmp_path / "50% done" / "mlflow"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)
    monkeypatch.syspath_prepend(installed.parent)
    assert sync(store, runs) == (0, 1)
    assert f"from below a path with '%', {installed / '__init__.py'}: install it elsewhere" in capsys.readouterr().out


def test_one_run_that_cannot_be_mirrored_is_no_success(
    store: Store, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(runs / "seed0", runs / "bad")
    (runs / "bad" / "config.json").write_text("{")
    monkeypatch.setattr(sys, "argv", ["tracking", "sync", str(runs), "--store", store.uri])
    assert main() == 1
    assert "1 of 2 runs are mirrored" in capsys.readouterr().out


def test_a_folder_without_runs_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tracking", "sync", str(tmp_path)])
    with pytest.raises(UserError, match="No run lies at or under"):
        main()


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "nonsense://x"])
def test_what_snakemake_calls_at_its_end_never_fails_it(uri: str, runs: Path) -> None:
    project = Project.load(read_yaml(ROOT / "config" / "demo.yaml"), base=ROOT)
    (runs.parent / "results" / "demo").mkdir(parents=True)
    runs.rename(runs.parent / "results" / "demo" / "runs")
    environment = os.environ | {"MLFLOW_TRACKING_URI": uri, "PYTHONPATH": str(ROOT)}
    command = ["bash", "-c", project.train.mirror_command()]
    ended = subprocess.run(command, cwd=runs.parent, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0
    assert "cannot open" in ended.stdout, ended


def test_a_training_goes_on_where_it_cannot_be_followed(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs / "seed0" / "tracking.log").mkdir()
    start_follower(runs / "seed0")
    assert f"cannot follow {runs / 'seed0'} (" in capsys.readouterr().out


def test_a_copied_run_is_mirrored_once_as_far_as_it_is(
    store: Store, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for old in ("backup", "zero"):
        shutil.copytree(runs / "seed0", runs / old)
        set_state(runs / old, iteration=1, state="running")
    assert sync(store, runs) == (1, 1)
    assert only_run(store).info.status == "FINISHED"
    said = capsys.readouterr().out
    assert f"{runs / 'backup'} is a copy of the training in {runs / 'seed0'}" in said
    assert f"{runs / 'zero'} is a copy of the training in {runs / 'seed0'}" in said


def test_trainings_of_the_same_second_are_two(store: Store, runs: Path) -> None:
    shutil.copytree(runs / "seed0", runs / "seed1")
    for folder in ("seed0", "seed1"):
        begin_again(runs / folder, now())
    assert sync(store, runs) == (2, 2)


def test_an_experiment_that_keeps_its_files_elsewhere_is_said_and_not_written_to(
    store: Store, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = runs.parent / "elsewhere"
    experiment = store.connect().create_experiment(EXPERIMENT, elsewhere.as_uri())
    assert sync(store, runs) == (0, 1)
    said = capsys.readouterr().out
    assert said.count("warning") == 1 and f"keeps its artifacts at {elsewhere.as_uri()}" in said
    assert f"mlflow experiments rename --experiment-id {experiment} --new-name NAME`" in said
    assert not elsewhere.exists()
    store.connect().rename_experiment(experiment, "mine")
    assert sync(store, runs) == (1, 1)


def test_a_deleted_experiment_is_said(store: Store, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sync(store, runs)
    client = store.connect()
    client.delete_experiment(client.get_experiment_by_name(EXPERIMENT).experiment_id)
    assert sync(store, runs) == (0, 1)
    _, command, _ = capsys.readouterr().out.partition(" makes up")[0].split("`")[:3]
    assert command.startswith(f"MLFLOW_TRACKING_URI={store.uri} mlflow experiments restore --experiment-id ")
    subprocess.run(["bash", "-c", command], check=True, capture_output=True)
    assert sync(store, runs) == (1, 1)


def test_the_code_is_a_tag(store: Store, runs: Path) -> None:
    git = {"commit": "a" * 40, "dirty": True, "diff": "b" * 64}
    write_json(runs / "seed0" / "config.json", read_json(runs / "seed0" / "config.json") | {"git": git})
    sync(store, runs)
    tags = only_run(store).data.tags
    assert (tags["commit"], tags["dirty"], tags["diff"]) == ("a" * 40, "True", "b" * 64)
    assert tags["folder"] == "runs/seed0"


def test_a_store_that_goes_away_is_not_waited_for_by_every_run(
    store: Store, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2):
        shutil.copytree(runs / "seed0", runs / f"seed{seed}")
        begin_again(runs / f"seed{seed}", f"2026-01-0{seed}T00:00:00+00:00")
    connections = iter([store.connect()])
    monkeypatch.setattr(Store, "connect", lambda self: next(connections))
    assert sync(store, runs) == (1, 3)
    assert capsys.readouterr().out.count("cannot open") == 1


def test_a_picture_that_was_cut_off_half_way_is_not_there_twice(store: Store, runs: Path) -> None:
    sync(store, runs)
    drawn = pictures(store)
    next(path for path in drawn if path.suffix == ".webp").unlink()
    sync(store, runs)
    assert pictures(store) == drawn


def test_a_fresh_store_can_be_opened_by_many_processes_at_once(tmp_path: Path, empty_store: Path) -> None:
    store = Store.choose(f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}")
    fork = multiprocessing.get_context("fork")  # these have MLflow imported already, so they do meet
    processes = [fork.Process(target=store.connect) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
    assert [process.exitcode for process in processes] == [0] * 4


def test_which_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert Store.choose().uri == f"sqlite:///{tmp_path}/results/mlflow.db"
    assert Store.choose().home == tmp_path / "results"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracker:5000")
    assert Store.choose() == Store("http://tracker:5000", None)
    assert Store.choose("sqlite:///own.db").uri == f"sqlite:///{tmp_path}/own.db"


def test_a_folder_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tracking", "sync", str(tmp_path / "none")])
    with pytest.raises(UserError, match="does not exist"):
        main()


def test_run_folders_are_found_at_any_depth(runs: Path) -> None:
    assert run_folders(runs) == run_folders(runs / "seed0") == [runs / "seed0"]


def test_a_warning_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    warn("cannot x", RuntimeError("first\nsecond"), "do y")
    assert capsys.readouterr().out.count("\n") == 1
