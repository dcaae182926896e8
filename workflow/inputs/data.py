"""What the Snakemake rules ask about image sets: where they come from, and how many images they have."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enco.data.folders import LABEL_SETS, SETS, name_in
from enco.datasets import demo
from enco.datasets.catalogue import CATALOGUE, Counts, Dataset, load_datasets
from enco.datasets.demo.archive import Archive
from enco.datasets.state import DataPaths
from enco.errors import UserError, unknown
from workflow.plan.grid import data_folder
from workflow.plan.scale import DataSource

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
        return "folder" if self.places.own_folder(self.project.datasets[dataset]) else self.config.source

    @property
    def places(self) -> DataPaths:
        """Where image sets are looked for."""
        base, mirror = self.project.base, self.config.mirror
        return DataPaths(
            prepared=data_folder(self.project.config, "any").parent,
            source=self.config.source,
            root=base / self.config.root,
            archives=base / self.config.archives,
            mirror=str(base / mirror) if mirror and "://" not in mirror else mirror,
            base=base,
            reading=self.config.reading,
        )

    @property
    def catalogue(self) -> Path:
        """The file that says where published images come from."""
        tasks = self.project.config.tasks
        return self.project.base / (CATALOGUE if isinstance(tasks, dict) else tasks)

    def published(self) -> dict[str, Dataset]:
        """The datasets of that file."""
        return load_datasets(self.catalogue)

    def archive_arguments(self, wildcards: Wildcards, output: object) -> str:
        """Which dataset, and where its archives are, as arguments of `python -m enco.datasets`.

        Snakemake does not compare parameters that take the output: another place for the same archives remakes nothing.
        """
        mirror = ["--mirror", self.places.mirror] if self.places.mirror else []
        places = ["--catalogue", str(self.catalogue), "--archives", str(self.places.archives)]
        return shlex.join([wildcards.dataset, *places, *mirror])

    def archive_facts(self, wildcards: Wildcards) -> str:
        """What a dataset's archives are checked against, and what they are made into."""
        told: Any = {"archives": {"__all__": {"name", "bytes", "sha256"}}}
        told |= dict.fromkeys(("counts", "sets", "preparation"), True)
        return self.published()[wildcards.dataset].model_dump_json(include=told)

    def photo_filter(self, wildcards: Wildcards) -> str:
        """What resizes Cityscapes' photos, as an argument of `python -m enco.datasets`; nothing for other datasets."""
        dataset = self.published().get(wildcards.dataset)
        is_resized = dataset is not None and dataset.preparation == "cityscapes"
        return f"--photo-filter {self.config.photo_filter}" if is_resized and self.config.source == "archives" else ""

    def check(self) -> None:
        """UserError for a task whose dataset no archive is known of, where datasets come from archives."""
        if self.config.source == "archives":
            known = self.published()
            for name, task in self.project.tasks.items():
                if task.dataset not in known and not self.places.own_folder(task):
                    raise unknown("data set", task.dataset, known, f"task {name}")

    def own_folder(self, wildcards: Wildcards) -> Path | None:
        """The user's folder of a dataset."""
        return self.places.own_folder(self.project.datasets[wildcards.dataset])

    def own_state(self, wildcards: Wildcards) -> str:
        """What tells that the user changed a folder: how many images it has, and a digest of their names and sizes."""
        folder = self.own_folder(wildcards)
        sets = [folder / name for name in (*SETS, *LABEL_SETS)] if folder else []
        files = [(part, path) for part in sets for path in self._images(part)]
        known = [(part.name, name_in(part, path), path.stat().st_size) for part, path in files]
        return f"{len(known)} images, {hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]}"

    def _images(self, folder: Path) -> list[Path]:
        """A set's images; none where it is missing or empty, of which its job speaks."""
        try:
            return self.config.reading.files(folder)
        except UserError:
            return []

    def expected(self, wildcards: Wildcards) -> str:
        """Whose image counts a user's folder must have, where numbers are to compare with the paper's, for `link`."""
        known = wildcards.dataset in self.published() and self.project.config.comparable
        like = ["--like", wildcards.dataset, "--catalogue", str(self.catalogue)] if known else []
        return " ".join([shlex.join(like), self.photo_filter(wildcards), *self.config.reading.arguments]).strip()

    def manifests(self) -> list[Path]:
        """The manifests of every dataset that a table needs."""
        needed = {self.project.manifest(evaluation.task) for evaluation in self.project.grid.evaluations}
        return sorted(needed)

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
