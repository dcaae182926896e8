"""Run folders that are mirrored, and what a store has of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from enco.io.files import read_json, write_json
from enco.tracking.store import Store

EXPERIMENT = "own/noise"


def only_run(store: Store) -> Any:
    client = store.connect()
    experiment = client.get_experiment_by_name(EXPERIMENT)
    (found,) = client.search_runs([experiment.experiment_id])
    return found


def pictures(store: Store) -> list[Path]:
    """The pictures of all runs in an SQLite store."""
    assert store.home is not None
    return sorted((store.home / "mlartifacts").glob("*/artifacts/images/*"))


def begin_again(folder: Path, begun: str) -> None:
    """Make a copied run folder another training's."""
    write_json(folder / "config.json", read_json(folder / "config.json") | {"begun": begun})


def set_state(folder: Path, **changes: Any) -> None:
    write_json(folder / "state.json", read_json(folder / "state.json") | changes)


def content(store: Store) -> dict[str, list[Any]]:
    """All rows of the tables that a run is made of."""
    names = ("runs", "params", "tags", "metrics", "latest_metrics", "experiments")
    with sqlite3.connect(store.uri.removeprefix("sqlite:///")) as database:
        return {name: sorted(map(repr, database.execute(f"select * from {name}"))) for name in names}
