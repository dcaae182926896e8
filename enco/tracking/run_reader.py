"""Read a run folder as MLflow takes it: settings, curves, pictures, scores and the outcome."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enco.config.run import RunConfig
from enco.errors import UserError
from enco.io.files import read_json
from enco.records import FINISHED_FILE, STARTED_FILE, FinishedRecord, StartedRecord, read_record
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

    @property
    def experiment(self) -> str:
        """The name of the page that all methods on one task at one scale share."""
        return f"{self.record.config.scale}/{self.record.config.task}"

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
        folder = os.path.relpath(self.folder, home) if home else self.folder
        named = self.record.config.model_dump(include={"task", "method", "variant", "seed", "scale"})
        found = {"config_hash": self.record.config_hash, "folder": folder, "run_key": self.key}
        found |= {"row_key": self.row_key}
        found |= self.record.git.model_dump()
        became = {"state": self.outcome, "reason": self.state["reason"]}
        return {name: str(value)[:5000] for name, value in {**named, **found, **became}.items() if value is not None}


def _defaults(config: RunConfig) -> dict[str, Any]:
    try:
        return defaults_of(config)
    except UserError:  # the method's file is gone: its runs are still shown
        return {}


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
    """Read a run folder; UserError for a folder that is none, or that has no settings written down yet."""
    folder = folder.resolve()
    record, state = read_record(folder / STARTED_FILE, StartedRecord), read_json(folder / "state.json")
    killed = state["state"] == "running" and not is_held(folder)
    return RunFiles(
        folder=folder,
        record=record,
        state=state,
        outcome="killed" if killed else state["state"],
        metrics=read_metrics(folder / "metrics.jsonl"),
        samples={int(path.stem.removeprefix("iter")): path for path in sorted(folder.glob("samples/iter*.png"))},
        scores=dict(read_scores(folder)),
        snapshots=read_snapshots(folder),
    )


def read_scores(folder: Path) -> Iterator[tuple[str, float]]:
    """Yield every number in `metrics` of the JSON files under eval/, as <file>/<name>/<name>, and those of run.json."""
    for path in sorted(folder.glob("eval/**/*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and isinstance(content.get("metrics"), dict):
            yield from numbers(content["metrics"], path.stem)
    if (folder / FINISHED_FILE).exists():
        record = read_record(folder / FINISHED_FILE, FinishedRecord)
        yield from numbers(record.model_dump(include=RUN_NUMBERS), "run")


def read_snapshots(folder: Path) -> dict[str, dict[int, float]]:
    """Return the metrics in the reports of checkpoint selection, as <task>.snapshots/<metric>, each by iteration.

    Of two generators of one iteration the last counts, which is the final one.
    """
    found: dict[str, dict[int, float]] = {}
    for path in sorted(folder.glob("selected/*.json")):
        for candidate in read_json(path)["candidates"]:
            measured = {name: value for name, value in candidate.items() if name != "iteration"}
            for name, value in numbers(measured, f"{path.stem}.snapshots"):
                found.setdefault(name, {})[candidate["iteration"]] = value
    return found


def numbers(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    """Yield the finite numbers of nested mappings, each name joined by '/' and spelled as MLflow allows."""
    for name, value in values.items():
        key = re.sub(r"[^\w\-. :/]", "_", f"{prefix}/{name}")
        if isinstance(value, Mapping):
            yield from numbers(value, key)
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield key, float(value)


def is_score(metric: str) -> bool:
    """Say whether a run's metric in MLflow is a score of its final or selected generator, and no curve's or run.json's.

    Curves are losses, rates, times of iterations and the metrics of saved generators.
    """
    file, slash, _ = metric.partition("/")
    return bool(slash) and file not in ("loss", "lr", "run") and not file.endswith(".snapshots")


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested settings as dotted names with text values."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)
