"""What the Snakemake rules ask about image sets: where they come from, and how many images they have."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from enco.data import demo
from enco.data.catalogue import CATALOGUE, Counts, Dataset, load_datasets
from enco.data.demo.archive import Archive
from enco.data.folders import LABEL_SETS
from enco.data.state import Places
from enco.errors import unknown
from workflow.grid import data_folder, dataset_of
from workflow.settings import DataSource

if TYPE_CHECKING:
    from workflow.project import Project, Wildcards


@dataclass(frozen=True)
class ImageSets:
    """The image sets of a project."""

    project: Project

    @property
    def config(self) -> DataSource:
        return self.project.config.data

    def pattern(self, source: str) -> str:
        """The datasets that are drawn ('demo'), lie in a folder ('folder') or come from 'archives'."""
        return either(name for name in self.project.datasets if self._source(name) == source)

    def _source(self, dataset: str) -> str:
        task, source = self.project.datasets[dataset], self.config.source
        has_folder = task.folder or (source == "archives" and self.places.own_folder(dataset, task))
        return "folder" if has_folder else source

    @property
    def places(self) -> Places:
        """Where image sets are looked for."""
        prepared, base = data_folder(self.project.config, "any").parent, self.project.base
        return Places(prepared, base / self.config.root, base / self.config.archives, self.config.mirror)

    @property
    def catalogue(self) -> Path:
        """The file that says where published images come from."""
        tasks = self.project.config.tasks
        return self.project.base / (CATALOGUE if isinstance(tasks, dict) else tasks)

    def published(self) -> dict[str, Dataset]:
        """The datasets of that file."""
        return load_datasets(self.catalogue)

    def archive_arguments(self, wildcards: Wildcards) -> str:
        """Where a dataset's archives are, as arguments of `python -m enco.data`."""
        mirror = ["--mirror", self.config.mirror] if self.config.mirror else []
        places = ["--catalogue", str(self.catalogue), "--archives", str(self.places.archives)]
        return shlex.join([wildcards.dataset, *places, *mirror])

    def archive_facts(self, wildcards: Wildcards) -> str:
        """All that is known of a dataset: what it is prepared from and checked against; UserError if nothing is."""
        known = self.published()
        if wildcards.dataset not in known:
            raise unknown("data set", wildcards.dataset, known, str(self.catalogue))
        return known[wildcards.dataset].model_dump_json()

    def own_folder(self, wildcards: Wildcards) -> Path:
        """The user's folder of a dataset."""
        folder = self.project.datasets[wildcards.dataset].folder or self.config.root / wildcards.dataset
        return self.project.base / folder

    def own_state(self, wildcards: Wildcards) -> str:
        """What tells that the user changed a folder: how many files it has, and when the newest was written."""
        times = [path.stat().st_mtime_ns for path in self.own_folder(wildcards).glob("*/*")]
        return f"{len(times)} files, newest {max(times, default=0)}"

    def expected(self, wildcards: Wildcards) -> str:
        """The paper's image counts, where numbers are to compare with the paper's, as arguments of `link`.

        Label sets that a folder does not have are not missed: only scores need them, and say so.
        """
        counts = self.counts().get(wildcards.dataset, {}) if self.project.config.comparable else {}
        folder = self.own_folder(wildcards)
        present = {name: count for name, count in counts.items() if name not in LABEL_SETS or (folder / name).is_dir()}
        return " ".join(f"--expect {name}={count}" for name, count in present.items())

    def manifests(self) -> list[Path]:
        """The manifests of every dataset that a table needs."""
        tasks, config = self.project.tasks, self.project.config
        needed = {dataset_of(e.task, tasks[e.task]) for e in self.project.grid.evaluations}
        return [data_folder(config, dataset) / "manifest.json" for dataset in sorted(needed)]

    def counts(self) -> dict[str, Counts]:
        """Images of each dataset by set, where they are known before the data is there."""
        if self.config.source == "demo":
            scale = self.config.scale_counts
            return {name: dict(_set_sizes(archive, scale)) for name, archive in demo.ARCHIVES.items()}
        named = {task.dataset for task in self.project.tasks.values()}
        return {name: dataset.counts for name, dataset in self.published().items() if name in named}


def either(names: Iterable[str]) -> str:
    """A regular expression that matches exactly these names; one that matches nothing if there are none."""
    return "|".join(re.escape(name) for name in sorted(set(names), key=lambda name: (-len(name), name))) or "(?!)"


def _set_sizes(archive: Archive, scale_counts: float) -> Iterator[tuple[str, int]]:
    """Images of each set that the demo draws."""
    for split in ("train", "test"):
        yield from zip((f"{split}A", f"{split}B"), archive.counts(split, scale_counts), strict=True)
