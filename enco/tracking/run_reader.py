"""Read a run folder as MLflow takes it: settings, curves, pictures, scores and the outcome."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from enco.config.run import RunConfig
from enco.errors import UserError
from enco.io.files import read_json
from enco.records import FINISHED_FILE, STARTED_FILE, FinishedRecord, StartedRecord, read_record
from enco.tracking.scores import numbers, read_extractor, read_scores, read_snapshots
from enco.training.identity import defaults_of, digest_of, without_defaults
from enco.training.metrics_file import read_metrics
from enco.training.run_folder import is_held

RUN_NUMBERS = {"wall_seconds", "data_wait", "parameter_count"}
"""Numbers of run.json that are mirrored."""


@dataclass(frozen=True)
class RunFiles:
    """The content of a run folder."""

    folder: Path
    record: StartedRecord
    state: dict[str, Any]
    outcome: str
    metrics: list[dict[str, Any]]
    samples: dict[int, Path]
    scores: dict[str, float]
    snapshots: dict[str, dict[int, float]]
    """Metrics of the generators that were saved during training, each by iteration."""
    extractor: str | None
    """The feature extractor behind the scores."""
    run_numbers: dict[str, float]
    ended: float
    """When the generator was ready, in whole seconds after 1970; infinite before that."""

    @property
    def experiment(self) -> str:
        """The name of the run's experiment."""
        return experiment_of(self.record.config)

    @property
    def key(self) -> str:
        """The run's identity in MLflow, wherever its folder lies; a training that starts anew has another."""
        return run_key(self.record)

    @property
    def row_key(self) -> str:
        """The identity of what a table averages: the settings that `config_hash` has but for the seed, and the images.

        The code is no part of it.
        """
        settings = without_defaults(self.record.settings, _defaults(self.record.config))
        return f"{digest_of({key: settings[key] for key in settings if key != 'seed'})}@{self.record.data_hash}"

    def tags(self, home: Path | None) -> dict[str, str]:
        """Return the tags that MLflow shows beside the settings; `home` is the database's folder, None for a server."""
        folder = os.path.relpath(self.folder, home) if home else str(self.folder)
        record = self.record
        named = record.config.model_dump(include={"task", "method", "variant", "seed", "scale"})
        found: dict[str, Any] = {"folder": folder, "config_hash": record.config_hash, "run_key": self.key}
        found |= {
            "row_key": self.row_key,
            "dataset": record.config.data.root.name,
            "data_hash": record.data_hash,
            "extractor": self.extractor,
        }
        found |= {"device": record.device, "computed": record.computed, **record.git.model_dump()}
        found |= {f"version.{package}": version for package, version in record.versions.items()}
        found |= {"mlflow.source.name": "python -m enco.train", "mlflow.source.type": "LOCAL"}
        found |= {"mlflow.source.git.commit": record.git.commit}
        became = {"state": self.outcome, "reason": self.state["reason"]}
        return {name: str(value)[:5000] for name, value in {**named, **found, **became}.items() if value is not None}


def _defaults(config: RunConfig) -> dict[str, Any]:
    try:
        return defaults_of(config)
    except UserError:  # the method's file is gone: its runs are still shown
        return {}


def experiment_of(config: RunConfig) -> str:
    """Name the experiment that all methods on one task at one scale share."""
    return f"{config.scale}/{config.task}"


def run_key(record: StartedRecord) -> str:
    """Name a training as no other: what it trains, on what, and the microsecond in which it began."""
    return "@".join([record.config_hash, record.data_hash, record.begun])


def run_folders(folder: Path) -> list[Path]:
    """List the run folders at or under a folder, sorted."""
    return sorted(path.parent for path in folder.rglob(STARTED_FILE) if path.with_name("state.json").exists())


def without_copies(folders: Iterable[Path]) -> list[Path]:
    """Return, of the folders that hold one and the same training, only the one furthest on, and print the others."""
    furthest: dict[str, Path] = {}
    for folder in folders:
        key = _key_of(folder)
        other = furthest.setdefault(key, folder)
        if other != folder:
            first, second = sorted([other, folder], key=_iteration, reverse=True)
            furthest[key] = first
            print(f"{second} is a copy of the training in {first}, which is the one that is mirrored.", flush=True)
    return list(furthest.values())


def _key_of(folder: Path) -> str:
    try:
        return run_key(read_record(folder / STARTED_FILE, StartedRecord))
    except (UserError, OSError):
        return str(folder)  # reading it whole says what is wrong with it


def _iteration(folder: Path) -> int:
    try:
        return int(read_json(folder / "state.json")["iteration"])
    except (UserError, OSError, LookupError, TypeError, ValueError):
        return -1


def read_run_files(folder: Path) -> RunFiles:
    """Read a run folder; UserError for a folder that is none, or that has no settings written down yet.

    Scores, selections and translations older than the generator are an earlier training's, and left out.
    """
    folder = folder.resolve()
    record, state = read_record(folder / STARTED_FILE, StartedRecord), read_json(folder / "state.json")
    killed = state["state"] == "running" and not is_held(folder)
    finished, task = _finished(folder), record.config.task
    ended = float(datetime.fromisoformat(finished.finished).timestamp() // 1) if finished else math.inf
    return RunFiles(
        folder=folder,
        record=record,
        state=state,
        outcome="killed" if killed else state["state"],
        metrics=read_metrics(folder / "metrics.jsonl"),
        samples={int(path.stem.removeprefix("iter")): path for path in sorted(folder.glob("samples/iter*.png"))},
        scores=read_scores(folder, task, ended),
        snapshots=read_snapshots(folder, task, ended),
        extractor=read_extractor(folder, task, ended),
        run_numbers=dict(numbers(finished.model_dump(include=RUN_NUMBERS), "run/")) if finished else {},
        ended=ended,
    )


def _finished(folder: Path) -> FinishedRecord | None:
    path = folder / FINISHED_FILE
    return read_record(path, FinishedRecord) if path.exists() else None


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested settings as dotted names with text values."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)
