"""Many jobs log at once, and servers go away: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import json
import multiprocessing
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import torch
from filelock import FileLock
from tenacity import stop_after_attempt

from enco.io.files import read_json, write_json
from enco.tracking.artifacts import Artifacts
from enco.tracking.follower import follow, mirror_patiently, sync
from enco.tracking.mirror import STATUS
from enco.tracking.mlflow_run import NOTE, PARENT
from enco.tracking.run_reader import flatten, read_run_files
from enco.tracking.store import Store, set_environment
from enco.training.metrics_file import read_metrics
from enco.training.run_folder import LOCK, now
from enco.training.run_log import RunLog
from tests.support.postgres import MlflowServer, postgres
from tests.support.tiny_runs import run, tiny_config, write_images

JOBS = 16
LINES = 40
SAMPLE_EVERY = 10
PATIENCE = 600
"""Seconds in which everything has happened, also on a slow machine."""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def finished(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with one sample, to copy."""
    return run(tiny_config(images, n_decay=0, sample_every=100), tmp_path_factory.mktemp("pattern") / "run")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A running MLflow server on PostgreSQL."""
    with postgres() as database:
        server = MlflowServer(database, tmp_path_factory.mktemp("server"))
        server.start()
        yield server
        server.kill()


@pytest.fixture
def sqlite(tmp_path: Path) -> Store:
    """A database that nobody has made yet."""
    return Store.choose(f"sqlite:///{tmp_path / 'store' / 'mlflow.db'}")


@pytest.fixture
def postgresql(server: MlflowServer) -> Store:
    return Store.choose(server.address)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def assert_mirrored_once(store: Store, folder: Path) -> None:
    """A folder's run is there once, and so is each of its points, settings and pictures."""
    client, files = store.connect(), read_run_files(folder)
    experiment = client.get_experiment_by_name(files.experiment)
    (found,) = client.search_runs([experiment.experiment_id], f"tags.run_key = '{files.key}'")
    assert found.info.status == STATUS[files.outcome]
    assert found.data.params == dict(flatten(files.record.config.model_dump(mode="json")))
    numbers = files.scores | files.run_numbers
    expected = points(folder) | {name: [(0, value)] for name, value in numbers.items()}
    assert found.data.metrics.keys() == expected.keys()
    for name, values in expected.items():
        assert [(point.step, point.value) for point in client.get_metric_history(found.info.run_id, name)] == values
    pictures = [Path(name) for name in Artifacts.of_run(client, found, store.home).names("images")]
    for suffix in (".png", ".webp"):
        steps = [int(path.name.split("+")[2]) for path in pictures if path.suffix == suffix]
        assert sorted(steps) == sorted(files.samples)
    (data,) = found.inputs.dataset_inputs
    assert data.dataset.digest == files.record.data_hash[:36]
    made = client.search_logged_models([experiment.experiment_id], f"source_run_id = '{found.info.run_id}'")
    assert [model.status for model in made] == ["READY"] * (folder / "run.json").exists()
    assert [model.model_id for model in made] == [output.model_id for output in found.outputs.model_outputs]


def points(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The points of a run by name, as metrics.jsonl and system.jsonl have them."""
    found = defaultdict(list)
    for step, line in enumerate(read_metrics(folder / "system.jsonl"), start=1):
        for name in line.keys() - {"time"}:
            found[f"system/{name}"].append((step, line[name]))
    for text in (folder / "metrics.jsonl").read_text().splitlines():
        line = json.loads(text)
        values = {name: line[name] for name in ("sec_per_iter", "data_wait")}
        values |= {f"loss/{name}": value for name, value in line["losses"].items()}
        values |= {f"lr/{name}": value for name, value in line["lr"].items()}
        for name, value in values.items():
            found[name].append((line["iteration"], value))
    return dict(found)


class Training:
    """A run folder in which a training seems to go on: locked, and growing line by line."""

    def __init__(self, pattern: Path, folder: Path, seed: int) -> None:
        unlike = shutil.ignore_patterns("checkpoints", "metrics.jsonl", "run.json", "iter*", ".*")
        self.folder = shutil.copytree(pattern, folder, ignore=unlike)
        self.picture = next((pattern / "samples").glob("iter*.png"))
        self.seed = seed
        self.log = RunLog(folder / "metrics.jsonl")
        about = read_json(folder / "config.json")
        write_json(folder / "config.json", about | {"config": about["config"] | {"seed": seed}, "begun": now()})
        self._become("running")

    def _become(self, state: str) -> None:
        write_json(self.folder / "state.json", read_json(self.folder / "state.json") | {"state": state})

    def step(self, iteration: int) -> None:
        losses = {f"term{number}": torch.tensor(self.seed + iteration / (1 + number)) for number in range(8)}
        self.log.add(iteration, losses)
        self.log.write(iteration, 1, {"generators": 2e-4}, waited=0.0)
        if iteration % SAMPLE_EVERY == 0:
            shutil.copy(self.picture, self.folder / "samples" / f"iter{iteration:07d}.png")

    def end(self) -> None:
        self._become("finished")


def follow_and_note(store: Store, folder: Path) -> None:
    with (folder / "tracking.log").open("w") as log, redirect_stdout(log):
        follow(store, folder, seconds=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_jobs_that_log_at_the_same_time_lose_nothing(
    where: str, finished: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store = request.getfixturevalue(where)
    set_environment()
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401  (once, and not in each process that follows)

    trainings = [Training(finished, tmp_path / f"seed{seed}", seed) for seed in range(JOBS)]
    fork = multiprocessing.get_context("fork")
    followers = [fork.Process(target=follow_and_note, args=(store, one.folder)) for one in trainings]
    with ExitStack() as locks:
        for training, follower in zip(trainings, followers, strict=True):
            locks.enter_context(FileLock(training.folder / LOCK))
            follower.start()
        for iteration in range(1, LINES + 1):
            for training in trainings:
                training.step(iteration)
            time.sleep(0.1)
        for training in trainings:
            training.end()
    for follower in followers:
        follower.join(PATIENCE)
    assert [follower.exitcode for follower in followers] == [0] * JOBS
    for training in trainings:
        assert_mirrored_once(store, training.folder)
    assert_below_one_mean(store, [training.folder for training in trainings])


def assert_below_one_mean(store: Store, folders: list[Path]) -> None:
    """The runs of one row's seeds are the children of one parent."""
    client, row = store.connect(), read_run_files(folders[0]).row_key
    experiment = client.get_experiment_by_name(read_run_files(folders[0]).experiment)
    (parent,) = client.search_runs([experiment.experiment_id], f"tags.run_key = 'row@{row}'")
    below = client.search_runs([experiment.experiment_id], f"tags.`{PARENT}` = '{parent.info.run_id}'")
    assert {run.info.run_id for run in below} == {read_json(folder / "mlflow.json")["run_id"] for folder in folders}
    assert parent.data.tags[NOTE] == f"No scores yet: seed {', '.join(map(str, range(len(folders))))}."
    assert parent.info.status == "FINISHED"


def training_half_way(images: Path, out: Path, seed: int) -> subprocess.Popen[bytes]:
    """A real training, followed live, that is halted after its first iterations, until it is told to go on."""
    out.mkdir()
    config = tiny_config(images, seed=seed, n_const=20, log_every=2, sample_every=100, tracking="live")
    write_json(out / "settings.json", config.model_dump(mode="json"))
    command = [sys.executable, "-m", "enco.train", "--settings", str(out / "settings.json"), "--out", str(out)]
    with (out / "log").open("w") as log:
        training = subprocess.Popen([*command, "--device", "cpu", "--threads", "1"], stdout=log, stderr=log)
    wait_for((out / "metrics.jsonl").exists)
    training.send_signal(signal.SIGSTOP)
    return training


@pytest.mark.slow
def test_a_server_that_goes_away_costs_no_training_and_sync_fills_the_gap(
    images: Path, server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    folders = [tmp_path / f"seed{seed}" for seed in range(2)]
    trainings = [training_half_way(images, folder, seed) for seed, folder in enumerate(folders)]
    followers = [psutil.Process(training.pid).children()[0] for training in trainings]
    wait_for(lambda: all((folder / "mlflow.json").exists() for folder in folders))
    server.kill()
    followers[0].kill()  # as where SLURM clears up after a job
    with closing(socket.create_server(("127.0.0.1", server.port))) as mute:  # takes a call, and never answers
        for training in trainings:
            assert training.poll() is None
            training.send_signal(signal.SIGCONT)
        wait_for(lambda: all((folder / "run.json").exists() for folder in folders))
        assert [training.wait(PATIENCE) for training in trainings] == [0, 0]
        assert followers[1].is_running(), "no training waits for what follows it"
        wait_for(lambda: bool(select.select([mute], [], [], 0)[0]))
    server.start()
    assert sync(Store.choose(), tmp_path) == (len(folders), len(folders))
    for folder in folders:
        assert_mirrored_once(Store.choose(), folder)


class Forgetful(ThreadingHTTPServer):
    """Hands requests on to a server, and loses the answer to one of them, which has been carried out."""

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), HandOn)
        self.target, self.count, self.lost = target, 0, 0
        self.address = f"http://127.0.0.1:{self.server_port}"


class HandOn(BaseHTTPRequestHandler):
    server: Forgetful

    def hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
        answer = requests.request(self.command, self.server.target + self.path, data=body, headers=headers, timeout=600)
        self.server.count += 1
        if self.server.count != self.server.lost:
            self.send_response(answer.status_code)
            self.end_headers()
            self.wfile.write(answer.content)

    do_GET = do_POST = do_PUT = do_PATCH = hand_on

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def forgetful(server: MlflowServer) -> Iterator[Forgetful]:
    with Forgetful(server.address) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        yield proxy
        proxy.shutdown()
        thread.join()


@pytest.mark.slow
def test_whichever_answer_is_lost_nothing_is_there_twice(
    finished: Path, forgetful: Forgetful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_patiently.retry, "stop", stop_after_attempt(1))
    store = Store.choose(forgetful.address)
    shutil.copytree(finished, tmp_path / "whole")
    assert sync(store, tmp_path / "whole") == (1, 1)
    for lost in range(1, forgetful.count + 1):
        folder = shutil.copytree(finished, tmp_path / str(lost))
        write_json(folder / "config.json", read_json(folder / "config.json") | {"begun": now()})
        forgetful.count, forgetful.lost = 0, lost
        assert sync(store, folder) == (0, 1)
        write_again(folder / "metrics.jsonl")
        assert sync(store, folder) == (1, 1)
        assert_mirrored_once(store, folder)


def write_again(metrics: Path) -> None:
    """Do as a training that is resumed from before its last lines: the same, at another time."""
    lines = [json.loads(text) for text in metrics.read_text().splitlines()]
    metrics.write_text("".join(json.dumps(line | {"time": line["time"] + 60}) + "\n" for line in lines))
