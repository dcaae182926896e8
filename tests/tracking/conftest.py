"""A finished run to mirror, and a store to mirror it in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from enco.tracking.store import Store
from tests.support.tiny_runs import run, tiny_config, write_images
from tests.support.tracked_runs import write_scores


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with scores, to copy."""
    folder = tmp_path_factory.mktemp("tracking")
    out = run(tiny_config(write_images(folder / "images"), log_every=1), folder / "run")
    write_scores(out, 81.5)
    return out


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as `init` leaves it: making one takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    Store.choose(f"sqlite:///{folder / 'mlflow.db'}").connect()
    return folder / "mlflow.db"


@pytest.fixture
def runs(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "runs" / "seed0")
    return tmp_path / "runs"


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> Iterator[Store]:
    database = tmp_path / "mlflow.db"
    shutil.copy(empty_store, database)
    yield Store.choose(f"sqlite:///{database}")
