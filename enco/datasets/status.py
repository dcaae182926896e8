"""The status of each task's images: found and expected numbers, and the cure for a difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from enco.data.folders import SETS, present_sets
from enco.data.manifest import NAME as MANIFEST
from enco.data.manifest import read_counts, verify_manifest
from enco.data.reading import Reading
from enco.datasets.catalogue import Counts, Dataset, TaskConfig, count_differences, matching_release
from enco.datasets.hashes import hash_differences, hash_folder, load_hashes
from enco.datasets.obtain import check_mirror, local_path, only_user_can_get
from enco.datasets.paths import DataPaths
from enco.errors import UserError

READY = "ready"


@dataclass(frozen=True)
class TaskStatus:
    """The status of one task's images: a line of the table."""

    task: str
    source: str
    found: str
    expected: str
    status: str


def task_statuses(
    tasks: Mapping[str, TaskConfig],
    datasets: Mapping[str, Dataset],
    paths: DataPaths,
    expected: Mapping[str, Counts] | None = None,
) -> list[TaskStatus]:
    """Return the status of every task's images; nothing is fetched, made, or decoded.

    A folder of the user's that has a published set's counts is compared with its hashes, where a list of them is known.

    `expected`: the counts of each dataset, by default the published ones. Raises UserError for a mirror that is neither
    an address nor a folder.
    """
    check_mirror(paths.mirror)
    counts = {name: dataset.counts for name, dataset in datasets.items()} if expected is None else expected
    return [
        _task_status(name, task, datasets.get(task.dataset), counts.get(task.dataset, {}), paths)
        for name, task in tasks.items()
    ]


def status_table(lines: Sequence[TaskStatus]) -> str:
    """Write the statuses as a plain table; counts are of trainA/trainB/testA/testB."""
    rows = [(line.task, line.source, line.found, line.expected, line.status) for line in lines]
    return tabulate(rows, headers=("task", "source", "found", "expected", "state"), disable_numparse=True)


def _task_status(
    name: str, task: TaskConfig, dataset: Dataset | None, expected: Counts, paths: DataPaths
) -> TaskStatus:
    own, prepared = paths.own_folder(task), paths.prepared / (task.dataset or name)
    if own is not None:
        source, (found, status) = short(own), _of_folder(own, expected, dataset, paths.reading)
    else:
        archives = " + ".join(archive.name for archive in dataset.archives) if dataset else "-"
        source = "drawn" if paths.source == "demo" else archives
        if (prepared / MANIFEST).is_file():
            found, status = _of_prepared(prepared, expected, paths.reading)
        else:
            found, status = "-", _of_source(task, dataset, paths)
    return TaskStatus(name, source, found, _count_text(expected), status)


def _of_folder(folder: Path, expected: Counts, dataset: Dataset | None, reading: Reading) -> tuple[str, str]:
    """Return the counts and the status of a folder of the user's."""
    try:
        counts = {name: len(reading.files(folder / name)) for name in present_sets(folder)}
    except UserError as error:
        return "-", str(error)
    wanted = {name: expected[name] for name in counts if name in expected}
    status = _of_counts(counts, wanted, dataset)
    if status == READY and dataset and dataset.hashes and expected == dataset.counts:
        differences = hash_differences(hash_folder(folder, reading), load_hashes(dataset.hashes))
        status = f"not the published files, {differences}: get the release that has these" if differences else READY
    return _count_text(counts), status


def _of_prepared(folder: Path, expected: Counts, reading: Reading) -> tuple[str, str]:
    """Return the counts and the status of a prepared folder."""
    try:
        counts = read_counts(folder)
        verify_manifest(folder, reading.recursive)
    except UserError as error:
        return "-", f"no longer whole ({error}): move {short(folder)} away, to have it made again"
    return _count_text(counts), _of_counts(counts, expected)


def _of_counts(counts: Counts, expected: Counts, dataset: Dataset | None = None) -> str:
    """Return the status by the numbers of images alone."""
    differences = count_differences(counts, expected)
    release = matching_release(counts, dataset.other_releases) if dataset else None
    named = f"{release}, " if release else ""
    return f"not as expected, {named}{differences}: get the release that has these" if differences else READY


def _of_source(task: TaskConfig, dataset: Dataset | None, paths: DataPaths) -> str:
    """Return the status of images that are still to be drawn, fetched or prepared."""
    if paths.source == "demo":
        return "not drawn yet: `snakemake data` draws it"
    if dataset is None:
        return f"unknown: no data set of the catalogue is called '{task.dataset}'"
    wanted = [a.name for a in dataset.archives if only_user_can_get(a, paths.archives, paths.mirror)]
    if wanted:
        return f"missing: get {' and '.join(wanted)} from {dataset.site} into {short(paths.archives)}"
    if all(local_path(archive, paths.archives, paths.mirror) for archive in dataset.archives):
        return f"here, not prepared: `python -m enco.datasets prepare {task.dataset}` does it"
    return f"not fetched yet: `python -m enco.datasets prepare {task.dataset}` does it"


def short(path: Path) -> str:
    """Write a path as seen from the working directory, where it lies below."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _count_text(counts: Counts) -> str:
    return "/".join(str(counts.get(name, 0)) for name in SETS) if counts else "-"
