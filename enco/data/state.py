"""What is there of each task's images, what should be, and what to do about the difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from enco.data.catalogue import Counts, Dataset, TaskConfig
from enco.data.folders import SETS, list_images, present_sets
from enco.data.manifest import NAME as MANIFEST
from enco.data.manifest import read_counts, verify_manifest
from enco.data.obtain import ARCHIVES, is_for_the_user, located
from enco.errors import UserError

READY = "ready"


@dataclass(frozen=True)
class Places:
    """Where image sets are: folders of the user's, archives, and what is prepared of either."""

    prepared: Path
    root: Path = Path("data")
    archives: Path = ARCHIVES
    mirror: str | None = None

    def own_folder(self, name: str, task: TaskConfig) -> Path | None:
        """The user's own folder of a task's image sets, if there is one."""
        folder = task.folder or self.root / task.dataset
        return folder if task.folder or folder.is_dir() else None


@dataclass(frozen=True)
class State:
    """One line of the table."""

    task: str
    source: str
    found: str
    expected: str
    state: str


def states(tasks: Mapping[str, TaskConfig], datasets: Mapping[str, Dataset], places: Places) -> list[State]:
    """The state of every task's images; nothing is fetched, made, or decoded."""
    return [_state(name, task, datasets.get(task.dataset), places) for name, task in tasks.items()]


def state_table(lines: list[State]) -> str:
    """The states as a plain table; counts are of trainA/trainB/testA/testB."""
    rows = [(line.task, line.source, line.found, line.expected, line.state) for line in lines]
    return tabulate(rows, headers=("task", "source", "found", "expected", "state"), disable_numparse=True)


def _state(name: str, task: TaskConfig, dataset: Dataset | None, places: Places) -> State:
    expected = dataset.counts if dataset else {}
    own, prepared = places.own_folder(name, task), places.prepared / (task.dataset or name)
    if own is not None:
        found, state = _of_folder(own, expected)
        return State(name, short(own), found, _counts(expected), state)
    source = " + ".join(archive.name for archive in dataset.archives) if dataset else "-"
    if (prepared / MANIFEST).is_file():
        found, state = _of_prepared(prepared, expected)
        return State(name, source, found, _counts(expected), state)
    return State(name, source, "-", _counts(expected), _of_archives(dataset, places))


def _of_folder(folder: Path, expected: Counts) -> tuple[str, str]:
    try:
        counts = {name: len(list_images(folder / name)) for name in present_sets(folder)}
    except UserError as error:
        return "-", str(error)
    return _counts(counts), _judged(counts, {name: expected[name] for name in counts if name in expected})


def _of_prepared(folder: Path, expected: Counts) -> tuple[str, str]:
    try:
        counts = read_counts(folder)
        verify_manifest(folder)
    except UserError as error:
        return "-", str(error)
    return _counts(counts), _judged(counts, expected)


def _judged(counts: Counts, expected: Counts) -> str:
    odd = [name for name, count in expected.items() if counts.get(name) != count]
    return f"other numbers than expected in {', '.join(odd)}: get the release that has these" if odd else READY


def _of_archives(dataset: Dataset | None, places: Places) -> str:
    if dataset is None:
        return "not drawn yet: `snakemake data` draws it"
    wanted = [a.name for a in dataset.archives if is_for_the_user(a, places.archives, places.mirror)]
    if wanted:
        return f"missing: get {' and '.join(wanted)} from {dataset.site} into {short(places.archives)}"
    if all(located(archive, places.archives, places.mirror) for archive in dataset.archives):
        return "here, not prepared: `snakemake data` does it"
    return "not fetched yet: `snakemake data` does it"


def short(path: Path) -> str:
    """A path as seen from here, where it lies below."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _counts(counts: Counts) -> str:
    return "/".join(str(counts.get(name, 0)) for name in SETS) if counts else "-"
