"""The data sets and tasks of config/datasets.yaml, typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from enco.config.base import SHA256_START, Settings, parse
from enco.config.run import Direction
from enco.config.yaml import read_yaml, section
from enco.data.folders import LABEL_SETS, SETS
from enco.errors import unknown

NAME = r"[A-Za-z0-9_-]+"
CATALOGUE = Path("config", "datasets.yaml")
Counts = dict[str, Annotated[int, Field(ge=0)]]
"""Images by set."""


class TaskConfig(Settings):
    """One translation task."""

    dataset: str = Field(
        "", pattern=f"^({NAME})?$", description="Image sets of config/datasets.yaml; tasks of one dataset share them."
    )
    folder: Path | None = Field(None, description="A folder of your own with trainA, trainB, testA and testB.")
    direction: Direction = "AtoB"
    title: str = ""
    pairs: bool = Field(False, description="A test image's true translation is the target image of the same name.")

    @model_validator(mode="after")
    def _one_source(self) -> TaskConfig:
        if bool(self.dataset) == (self.folder is not None):
            raise ValueError("a task names either a dataset or a folder")
        return self


class ArchiveFile(Settings):
    """One published file, with its size and SHA-256 where they are known."""

    name: str = Field(pattern=r"^[^/\\]+$")
    url: str | None = Field(None, description="Where it can be fetched; null: only the user can get it.")
    bytes: int | None = Field(None, ge=1)
    sha256: str = Field(
        "", pattern=SHA256_START, description="Lower-case hex, whole or its start; empty: not published."
    )


class Dataset(Settings):
    """Image sets as someone published them."""

    site: str = Field(description="The page that offers them.")
    licence: str
    archives: list[ArchiveFile] = Field(min_length=1)
    counts: Counts = Field(description="Images by set, as the paper used them.")
    preparation: Literal["folders", "cityscapes"] = Field(
        "folders", description="Image folders taken as they are, or photos and label maps made from Cityscapes' own."
    )
    sets: dict[str, list[str]] = Field(
        default_factory=dict, description="Folders in the archive that may hold a set; by default one of its name."
    )
    other_releases: dict[str, Counts] = Field(
        default_factory=dict, description="Counts of releases that are easily taken for this one."
    )
    hashes: Path | None = Field(
        None, description="A list of every image's SHA-256, as `sha256sum` writes it; relative to this file."
    )
    notes: list[str] = Field(default_factory=list, description="What a reader of the numbers should know.")

    @field_validator("counts", "sets")
    @classmethod
    def _known_sets(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if name not in (*SETS, *LABEL_SETS):
                raise ValueError(f"'{name}' is no image set: choose one of {', '.join((*SETS, *LABEL_SETS))}")
        return value

    def folders_of(self, name: str) -> list[str]:
        """Return the folders in the archive that may hold a set."""
        return self.sets.get(name, [name])

    @field_validator("counts")
    @classmethod
    def _every_set_counts(cls, value: Counts) -> Counts:
        for name in SETS:
            if value.get(name, 0) < 1:
                raise ValueError(f"it needs the number of images in {', '.join(SETS)}, and there is none for {name}")
        return value


def count_differences(counts: Counts, expected: Counts) -> str:
    """Write every expected count that is not found, as '2 in trainA (expected 3), ...'; empty if all are."""
    compared = ((name, counts.get(name, 0), count) for name, count in expected.items())
    return ", ".join(f"{found} in {name} (expected {count})" for name, found, count in compared if found != count)


def matching_release(counts: Counts, releases: Mapping[str, Counts]) -> str | None:
    """Return the name of the release that has these counts; None if there is none."""
    for name, other in releases.items():
        if all(counts.get(key) == count for key, count in other.items()):
            return name
    return None


def load_datasets(path: Path) -> dict[str, Dataset]:
    """Read every data set by name; UserError if the file is missing or wrong."""
    entries = section(read_yaml(path), "datasets", path)
    datasets = {name: parse(Dataset, entry, f"data set {name} of {path}") for name, entry in entries.items()}
    return {name: _located(dataset, path.parent) for name, dataset in datasets.items()}


def _located(dataset: Dataset, folder: Path) -> Dataset:
    """Make the path of a data set's list of hashes one from the working directory."""
    return dataset.model_copy(update={"hashes": folder / dataset.hashes}) if dataset.hashes else dataset


def load_tasks(path: Path) -> dict[str, TaskConfig]:
    """Read every task by name; UserError if the file is missing or wrong."""
    return parse_tasks(section(read_yaml(path), "tasks", path), f" of {path}")


def parse_tasks(entries: Mapping[str, Any], where: str = "") -> dict[str, TaskConfig]:
    """Parse every task by name; `where` is a clause for the message of a UserError, such as ' of tasks.yaml'."""
    return {name: parse(TaskConfig, entry, f"task {name}{where}") for name, entry in entries.items()}


def count_mismatch(place: str, counts: Counts, expected: Counts, other_releases: Mapping[str, Counts]) -> str:
    """Say which counts of a place are not as expected, and which release has these; empty if all are as expected."""
    differences = count_differences(counts, expected)
    release = matching_release(counts, other_releases)
    said = f"has {release}, which is not what the paper used" if release else "has other images than the paper used"
    return f"{place} {said}, {differences}" if differences else ""


def find_dataset(name: str, path: Path) -> Dataset:
    """Read one data set; UserError, with the valid names, for an unknown one."""
    datasets = load_datasets(path)
    if name not in datasets:
        raise unknown("data set", name, datasets, str(path))
    return datasets[name]
