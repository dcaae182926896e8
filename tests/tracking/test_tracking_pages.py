"""MLflow's pages of a results folder: where it lies, what it is called, and what is started to show it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from playwright.sync_api import Browser

from enco.errors import UserError
from enco.io.files import read_json, write_json
from enco.tracking.follower import sync
from enco.tracking.pages import _app
from enco.tracking.store import Store
from tests.support.tiny_runs import run, tiny_config, write_images

ROOT = Path(__file__).parents[2]
SPELLING = "it's 50% #1 a%20b ünï"
PATIENCE = 600
"""Seconds in which a server has started, also on a busy machine."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with one run and its pictures, in a folder with an awkward name."""
    home = tmp_path_factory.mktemp("pages")
    results = home / SPELLING / "results"
    run(tiny_config(write_images(home / "images")), results / "own" / "runs" / "noise" / "cyclegan" / "seed0")
    assert sync(store_of(results), results) == (1, 1)
    return results


@pytest.fixture
def moved(folder: Path, tmp_path: Path) -> Iterator[Path]:
    """The results folder at another place, while nothing is left at the first."""
    kept = folder.parent.with_name("kept")
    shutil.copytree(folder, tmp_path / SPELLING / "results")
    folder.parent.rename(kept)
    yield tmp_path / SPELLING / "results"
    kept.rename(folder.parent)


def store_of(results: Path) -> Store:
    return Store.choose(f"sqlite:///{results / 'mlflow.db'}")


def runs_of(store: Store) -> list[Any]:
    client = store.connect()
    return list(client.search_runs([experiment.experiment_id for experiment in client.search_experiments()]))


def pictures(results: Path) -> list[Path]:
    return sorted((results / "mlartifacts").glob("*/artifacts/images/*"))


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return int(taken.getsockname()[1])


def plain_environment() -> dict[str, str]:
    """What a user's shell has: MLflow is silent by itself in tests, and in CI."""
    loud = ("MLFLOW", "PYTEST", "CI", "GITHUB", "DO_NOT_TRACK")
    return {name: value for name, value in os.environ.items() if not name.startswith(loud)}


@contextmanager
def pages(*command: str, cwd: Path, port: int, log: Path) -> Iterator[psutil.Process]:
    """Start a server, and give its process when it answers."""
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=cwd, env=plain_environment(), stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + PATIENCE
        while not answers(port):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield psutil.Process(server.pid)
    finally:
        family = [*psutil.Process(server.pid).children(recursive=True), server] if server.poll() is None else []
        for process in family:
            process.terminate()
        server.wait(PATIENCE)


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=60).ok
    except requests.RequestException:
        return False


def ui_command(results: Path, port: int) -> list[str]:
    store = ["--store", f"sqlite:///{results / 'mlflow.db'}"]
    return [sys.executable, "-m", "enco.tracking", "ui", "--port", str(port), *store]


@pytest.mark.slow
def test_a_moved_results_folder_shows_its_runs_and_pictures_at_once(moved: Path, tmp_path: Path) -> None:
    port, folder = free_port(), moved / "own" / "runs" / "noise" / "cyclegan" / "seed0"
    address = f"http://127.0.0.1:{port}"
    with pages(*ui_command(moved, port), cwd=ROOT, port=port, log=tmp_path / "log") as server:
        run_id = read_json(folder / "mlflow.json")["run_id"]
        asked = {"run_uuid": run_id, "run_id": run_id, "path": "images"}
        found = requests.get(f"{address}/api/2.0/mlflow/artifacts/list", params=asked, timeout=600).json()["files"]
        names = sorted(file["path"] for file in found)
        assert len(names) == len(pictures(moved)) == 2 * 3
        name = next(name for name in names if "+step+10+" in name and name.endswith(".png"))
        shown = requests.get(f"{address}/get-artifact", params=asked | {"path": name}, timeout=600).content
        assert shown == next(path for path in pictures(moved) if path.name == Path(name).name).read_bytes()
        silent = requests.post(f"{address}/ajax-api/3.0/mlflow/ui-telemetry", json={"records": []}, timeout=600)
        assert silent.json() == {"status": "disabled"}
        assert server.children(recursive=True) == [], "one process, and none for jobs"
        log = (tmp_path / "log").read_text()
        assert f"Open {address} in a browser" in log and "Warning" not in log
        page = requests.get(address, timeout=600).text
        assert page.index("machine_learning") < page.index("<script defer"), "said before MLflow's own code looks"
        model = requests.post(
            f"{address}/api/2.0/mlflow/logged-models/search", json={"experiment_ids": ["1"]}, timeout=600
        ).json()["models"][0]["info"]["model_id"]
        assert_translates(f"models:/{model}", address, folder / "generator.safetensors")


@pytest.mark.slow
def test_the_pages_open_on_the_list_of_trainings(folder: Path, tmp_path: Path, browser: Browser) -> None:
    port = free_port()
    with (
        pages(*ui_command(folder, port), cwd=ROOT, port=port, log=tmp_path / "log"),
        closing(browser.new_page()) as page,
    ):
        page.goto(f"http://127.0.0.1:{port}", timeout=PATIENCE * 1000)
        page.get_by_role("link", name="own/noise").click(timeout=PATIENCE * 1000)
        page.get_by_text("cyclegan seed0").first.wait_for(timeout=PATIENCE * 1000)
        assert "/runs?workflowType=machine_learning" in page.url, "trainings, and no language models"


def test_another_first_page_of_mlflow_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "index.html").write_text("<html><body></body></html>")
    monkeypatch.setattr("mlflow.server.REL_STATIC_DIR", tmp_path)
    with pytest.raises(UserError, match="has another first page"):
        _app()


def assert_translates(model: str, address: str, generator: Path) -> None:
    """A model loaded from a server translates as its generator file does, in a process that knows only the address."""
    program = (
        "import sys, numpy, mlflow, torch; from enco import load_generator;"
        "images = numpy.linspace(-1, 1, 3 * 32 * 32, dtype='float32').reshape(1, 3, 32, 32);"
        "ours = load_generator(sys.argv[2])(torch.from_numpy(images)).numpy();"
        "assert numpy.array_equal(mlflow.pyfunc.load_model(sys.argv[1]).predict(images), ours)"
    )
    environment = plain_environment() | {"MLFLOW_TRACKING_URI": address}
    subprocess.run([sys.executable, "-c", program, model, str(generator)], cwd=ROOT, env=environment, check=True)


@pytest.mark.slow
def test_seeds_are_shown_below_the_mean_of_their_row(folder: Path, tmp_path: Path) -> None:
    results = shutil.copytree(folder, tmp_path / "results")
    first = results / "own" / "runs" / "noise" / "cyclegan" / "seed0"
    second = shutil.copytree(first, first.with_name("seed1"))
    record = read_json(second / "config.json")
    begun = "2126-01-01T00:00:00+00:00"
    write_json(second / "config.json", record | {"config": record["config"] | {"seed": 1}, "begun": begun})
    assert sync(store_of(results), results) == (2, 2)
    (parent,) = (run for run in runs_of(store_of(results)) if run.info.run_name == "cyclegan")
    port = free_port()
    with pages(*ui_command(results, port), cwd=ROOT, port=port, log=tmp_path / "log"):
        below = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
        asked = {"experiment_ids": [parent.info.experiment_id], "filter": below}
        address = f"http://127.0.0.1:{port}/ajax-api/2.0/mlflow/runs/search"  # as the pages ask it
        found = requests.post(address, json=asked, timeout=600).json()["runs"]
    assert sorted(one["info"]["run_name"] for one in found) == ["cyclegan seed0", "cyclegan seed1"]


def test_a_moved_results_folder_keeps_its_run(moved: Path) -> None:
    (before,) = runs_of(store_of(moved))
    assert sync(store_of(moved), moved) == (1, 1)
    (after,) = runs_of(store_of(moved))
    assert after.to_dictionary() == before.to_dictionary()


def test_a_copy_and_its_original_do_not_write_into_each_other(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    samples = copy / "own" / "runs" / "noise" / "cyclegan" / "seed0" / "samples"
    shutil.copy(samples / "iter0000005.png", samples / "iter0000013.png")
    there = pictures(folder)
    assert sync(store_of(copy), copy) == (1, 1)
    assert pictures(folder) == there
    assert len(pictures(copy)) == len(there) + 2


def test_another_folder_name_of_a_run_is_no_other_run(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "own").rename(copy / "first try")
    assert sync(store_of(copy), copy) == (1, 1)
    (only,) = runs_of(store_of(copy))
    assert only.data.tags["folder"] == "first try/runs/noise/cyclegan/seed0"


def test_the_filters_of_the_documentation_find_runs(folder: Path) -> None:
    page = (ROOT / "docs" / "tracking.md").read_text()
    filters = page.partition("```text\n")[2].partition("```")[0].splitlines()
    assert len(filters) > 3
    client, (run,) = store_of(folder).connect(), runs_of(store_of(folder))
    for asked in filters:
        client.search_runs([run.info.experiment_id], asked)  # raises MlflowException for what MLflow cannot read
    version = run.data.tags["version.torch"]
    assert client.search_runs([run.info.experiment_id], f"tags.`version.torch` LIKE '{version[:2]}%'")


def test_no_store_and_no_port_are_said(folder: Path, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        for results, said in {tmp_path: "sync FOLDER", folder: f"Port {port} of 127.0.0.1 cannot be used"}.items():
            ended = subprocess.run(ui_command(results, port), cwd=ROOT, capture_output=True, text=True)
            assert ended.returncode == 2
            assert said in ended.stderr and ended.stderr.count("\n") == 1
