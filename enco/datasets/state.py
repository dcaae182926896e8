"""What is there of each task's images, what should be, and what to do about the difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tabulate import tabulate

from enco.data.folders import SETS, present_sets
from enco.data.manifest import NAME as MANIFEST
from enco.data.manifest import read_counts, verify_manifest
from enco.data.reading import USUAL, Reading
from enco.datasets.catalogue import Counts, Dataset, TaskConfig, differences, matching_release
from enco.datasets.hashes import differing, hash_folder, load_hashes
from enco.datasets.obtain import ARCHIVES, check_mirror, is_for_the_user, located
from enco.errors import UserError

READY = "ready"


Source = Literal["demo", "folder", "archives"]
"""Where a scale's datasets come from: drawn, folders of the user's, or published archives."""


@dataclass(frozen=True)
class DataPaths:
    """Where image sets are: folders of the user's, archives, and what is prepared of either."""

    prepared: Path
    source: Source = "archives"
    root: Path = Path("data")
    archives: Path = ARCHIVES
    mirror: str | None = None
    base: Path = Path()
    """What the folders of tasks count from."""
    reading: Reading = USUAL
    """How folders of the user's are read."""

    def own_folder(self, task: TaskConfig) -> Path | None:
        """The user's own folder of a task's image sets, if they come from one.

        Where they come from archives, a folder of the dataset's name under the root is taken before any archive.
        """
        if task.folder:
            return self.base / task.folder
        folder = self.root / task.dataset
        return folder if self.source == "folder" or (self.source == "archives" and folder.is_dir()) else None


@dataclass(frozen=True)
class State:
    """One line of the table."""

    task: str
    source: str
    found: str
    expected: str
    state: str


def states(
    tasks: Mapping[str, TaskConfig],
    datasets: Mapping[str, Dataset],
    places: DataPaths,
    expected: Mapping[str, Counts] | None = None,
) -> list[State]:
    """The state of every task's images; nothing is fetched, made, or decoded.

    A folder of the user's that has a published set's counts is compared with its hashes, where a list of them is known.

    `expected`: the counts of each dataset, by default the published ones. Raises UserError for a mirror that is none.
    """
    check_mirror(places.mirror)
    counts = {name: dataset.counts for name, dataset in datasets.items()} if expected is None else expected
    return [
        _state(name, task, datasets.get(task.dataset), counts.get(task.dataset, {}), places)
        for name, task in tasks.items()
    ]


def state_table(lines: list[State]) -> str:
    """The states as a plain table; counts are of trainA/trainB/testA/testB."""
    rows = [(line.task, line.source, line.found, line.expected, line.state) for line in lines]
    return tabulate(rows, headers=("task", "source", "found", "expected", "state"), disable_numparse=True)


def _state(name: str, task: TaskConfig, dataset: Dataset | None, expected: Counts, places: DataPaths) -> State:
    own, prepared = places.own_folder(task), places.prepared / (task.dataset or name)
    if own is not None:
        source, (found, state) = short(own), _of_folder(own, expected, dataset, places.reading)
    else:
        archives = " + ".join(archive.name for archive in dataset.archives) if dataset else "-"
        source = "drawn" if places.source == "demo" else archives
        if (prepared / MANIFEST).is_file():
            found, state = _of_prepared(prepared, expected, places.reading)
        else:
            found, state = "-", _of_source(task, dataset, places)
    return State(name, source, found, _counts(expected), state)


def _of_folder(folder: Path, expected: Counts, dataset: Dataset | None, reading: Reading) -> tuple[str, str]:
    try:
        counts = {name: len(reading.files(folder / name)) for name in present_sets(folder)}
    except UserError as error:
        return "-", str(error)
    wanted = {name: expected[name] for name in counts if name in expected}
    state = _judged(counts, wanted, dataset)
    if state == READY and dataset and dataset.hashes and expected == dataset.counts:
        odd = differing(hash_folder(folder, reading), load_hashes(dataset.hashes))
        state = f"not the published files, {odd}: get the release that has these" if odd else READY
    return _counts(counts), state


def _of_prepared(folder: Path, expected: Counts, reading: Reading) -> tuple[str, str]:
    try:
        counts = read_counts(folder)
        verify_manifest(folder, reading.recursive)
    except UserError as error:
        return "-", f"no longer whole ({error}): move {short(folder)} away, to have it made again"
    return _counts(counts), _judged(counts, expected)


def _judged(counts: Counts, expected: Counts, dataset: Dataset | None = None) -> str:
    odd = differences(counts, expected)
    release = matching_release(counts, dataset.other_releases) if dataset else None
    told = f"{release}, " if release else ""
    return f"not as expected, {told}{odd}: get the release that has these" if odd else READY


def _of_source(task: TaskConfig, dataset: Dataset | None, places: DataPaths) -> str:
    if places.source == "demo":
        return "not drawn yet: `snakemake data` draws it"
    if dataset is None:
        return f"unknown: no data set of the catalogue is called '{task.dataset}'"
    wanted = [a.name for a in dataset.archives if is_for_the_user(a, places.archives, places.mirror)]
    if wanted:
        return f"missing: get {' and '.join(wanted)} from {dataset.site} into {short(places.archives)}"
    if all(located(archive, places.archives, places.mirror) for archive in dataset.archives):
        return f"here, not prepared: `python -m enco.datasets prepare {task.dataset}` does it"
    return f"not fetched yet: `python -m enco.datasets prepare {task.dataset}` does it"


def short(path: Path) -> str:
    """A path as seen from here, where it lies below."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _counts(counts: Counts) -> str:
    return "/".join(str(counts.get(name, 0)) for name in SETS) if counts else "-"
