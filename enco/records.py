"""Write and read the record of a training in config.json, checkpoints and run.json, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from enco.config.base import Settings
from enco.config.run import RunConfig
from enco.errors import UserError
from enco.io.files import read_json, write_json

FINISHED = "finished"
"""Folder with a second name (hard link) of the result: Snakemake deletes outputs before it runs a job again."""
STARTED_FILE, FINISHED_FILE = "config.json", "run.json"
RECORD_FILES = (f"{FINISHED}/{FINISHED_FILE}", FINISHED_FILE, STARTED_FILE)
"""Files of a run's folder that hold a record, the one that says most first."""

R = TypeVar("R", bound="RunRecord")


class Record(BaseModel):
    """A part of a file that one stage writes and another reads: immutable, with every key but unknown ones needed."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class FileRecord(Record):
    """The content of a whole JSON file."""

    def content(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return self.model_dump(mode="json")

    def write(self, path: Path) -> None:
        """Write the record as JSON; UserError where the disk is full."""
        write_json(path, self.content())


def known_settings(values: Any, model: type[BaseModel] = RunConfig) -> Any:
    """Drop keys that a settings class no longer has: they decide nothing, as `settings` in the record does."""
    if not isinstance(values, dict):
        return values
    kept = {name: value for name, value in values.items() if name in model.model_fields}
    inner = {name: model.model_fields[name].annotation for name in kept}
    return {
        name: known_settings(value, kind)
        if isinstance(kind := inner[name], type) and issubclass(kind, Settings)
        else value
        for name, value in kept.items()
    }


class GitState(Record):
    """The commit of the code, whether the source differs from that commit, and a digest of the difference."""

    commit: str | None
    dirty: bool | None
    diff: str | None


class Change(Record):
    """A change of a training midway: the differences to its beginning."""

    iteration: int
    exact: bool
    """Whether the weights are those of a training that was never changed."""
    before: dict[str, Any]


class RunRecord(FileRecord):
    """The settings, code, images and machine of a training, which are known before the first step."""

    config: Annotated[RunConfig, BeforeValidator(known_settings)]
    config_hash: str
    plan: str
    """Digest of all settings and of the code."""
    settings: dict[str, Any]
    """Settings that decide the weights, by dotted key."""
    sources: dict[str, str]
    """Digest of the code that decides the weights, by file."""
    data_hash: str
    data_source: dict[str, Any]
    parameter_count: int
    git: GitState
    versions: dict[str, str | None]
    device: str
    computed: str
    """The computation of steps in words."""
    pieces: dict[str, bool]
    """The computation of steps, by the fields of ComputeOptions."""
    changes: list[Change]

    def content(self) -> dict[str, Any]:
        """Return the record as JSON values, without the keys that have none."""
        return self.model_dump(mode="json", exclude={name for name, value in self if value is None})


class StartedRecord(RunRecord):
    """config.json: a training that has begun."""

    begun: str


class FinishedRecord(RunRecord):
    """run.json: a training that is finished."""

    iterations: int
    wall_seconds: float
    data_wait: float
    """Share of the wall-clock time that was spent waiting for data."""
    begun: str
    finished: str
    mlflow_run_id: str | None = None


def read_record(path: Path, model: type[R], cure: str | None = None) -> R:
    """Read a record; UserError for a file that is missing or was written by another version, with the cure."""
    return parse_record(model, read_json(path), path, cure)


def parse_record(model: type[R], content: Any, path: Path, cure: str | None = None) -> R:
    """Validate what a file says of a training; UserError if that is not all that this version writes."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        run = path.parent.parent if path.parent.name == FINISHED else path.parent
        raise UserError(
            f"{path} is no record of a training by this version ({first_mistake(error)}):"
            f" {cure or f'move {run} away, and run again'}."
        ) from error


def find_record(folder: Path) -> RunRecord | None:
    """Read what is said of the training in a run's folder; None for a folder without a record."""
    path = next((folder / name for name in RECORD_FILES if (folder / name).is_file()), None)
    return read_record(path, RunRecord) if path else None


def first_mistake(error: ValidationError) -> str:
    """Say what is wrong with a file that is no record of this version."""
    mistake = error.errors(include_url=False)[0]
    if not mistake["loc"]:
        return "it is no mapping"
    key = ".".join(map(str, mistake["loc"]))
    return f"it has no '{key}'" if mistake["type"] == "missing" else f"it has another '{key}': {mistake['msg']}"
