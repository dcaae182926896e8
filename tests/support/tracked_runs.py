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


def content(store: Store) -> dict[str, list[str]]:
    """All rows of all tables of an SQLite store."""
    with sqlite3.connect(store.uri.removeprefix("sqlite:///")) as database:
        names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        return {name: sorted(map(repr, database.execute(f'select * from "{name}"'))) for name in names}


def write_scores(folder: Path, distance: float, task: str = "noise", selection: str = "final", **more: Any) -> None:
    """Write scores as `python -m eval evaluate` does, by the published Inception's features."""
    real_set = {"frechet_distance": distance, "precision": 50.0, "recall": None, "recall_exact": 12.5, "missing": {}}
    metrics = {"paired": real_set, "full": real_set | {"frechet_distance": distance + 1}, **more}
    protocol = {"extractor": "inception", "distance": "FID"}
    write_json(folder / "eval" / f"{task}.{selection}.json", {"task": task, "metrics": metrics, "protocol": protocol})


def write_uncertainty(folder: Path, **metrics: float) -> None:
    """Write the uncertainty of final scores as `python -m eval uncertainty` does: a tenth of each number."""
    paired = {name: {"value": value, "sampling_sd": value / 10, "reason": ""} for name, value in metrics.items()}
    write_json(folder / "eval" / "noise.final.uncertainty.json", {"task": "noise", "metrics": {"paired": paired}})
