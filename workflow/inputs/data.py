"""Inputs and parameters of the rules that prepare image sets: their sources, checks and numbers of images."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from enco.data.folders import LABEL_SETS, SETS, name_in
from enco.datasets import demo
from enco.datasets.catalogue import CATALOGUE, Counts, Dataset, load_datasets
from enco.datasets.demo.archive import Archive
from enco.datasets.paths import DataPaths
from enco.errors import UserError, unknown
from enco.training.identity import digest_of
from enco.training.sources import module_sources
from workflow import paths
from workflow.plan.plan import Plan
from workflow.plan.scale import DataSource
from workflow.plan.wildcards import Wildcards, one_of_regex


@dataclass(frozen=True)
class ImageSets:
    """The image sets of a plan."""

    plan: Plan

    @property
    def config(self) -> DataSource:
        """The settings of where datasets come from."""
        return self.plan.config.data

    def pattern(self, source: str) -> str:
        """Return a regular expression of the datasets of one source: 'demo', 'folder' or 'archives'."""
        return one_of_regex(name for name in self.plan.datasets if self._source(name) == source)

    def _source(self, dataset: str) -> str:
        return "folder" if self.data_paths.own_folder(self.plan.datasets[dataset]) else self.config.source

    @property
    def data_paths(self) -> DataPaths:
        """The folders and addresses where image sets are looked for."""
        base, mirror = self.plan.base, self.config.mirror
        return DataPaths(
            prepared=self.plan.file(paths.DATASETS),
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
        tasks = self.plan.config.tasks
        return self.plan.base / (CATALOGUE if isinstance(tasks, dict) else tasks)

    @cached_property
    def published(self) -> dict[str, Dataset]:
        """The datasets of the catalogue, read once."""
        return load_datasets(self.catalogue)

    def archive_arguments(self, wildcards: Wildcards, output: object) -> str:
        """Return a dataset and where its archives are, as arguments of `python -m enco.datasets`.

        Snakemake does not compare parameters that take the output: another folder of the same archives remakes nothing.
        """
        mirror = ["--mirror", self.data_paths.mirror] if self.data_paths.mirror else []
        archives = ["--catalogue", str(self.catalogue), "--archives", str(self.data_paths.archives)]
        return shlex.join([wildcards.dataset, *archives, *mirror])

    def archive_facts(self, wildcards: Wildcards) -> str:
        """Return what a dataset's archives are checked against and made into, as JSON."""
        facts: Any = {"archives": {"__all__": {"name", "bytes", "sha256"}}}
        facts |= dict.fromkeys(("counts", "sets", "preparation"), True)
        return self.published[wildcards.dataset].model_dump_json(include=facts)

    def photo_filter(self, wildcards: Wildcards) -> str:
        """Return the filter that resizes Cityscapes' photos, as an argument; empty for other datasets."""
        dataset = self.published.get(wildcards.dataset)
        is_resized = dataset is not None and dataset.preparation == "cityscapes"
        return f"--photo-filter {self.config.photo_filter}" if is_resized and self.config.source == "archives" else ""

    def check(self) -> None:
        """Raise UserError for a task whose dataset has no known archive, where datasets come from archives."""
        if self.config.source == "archives":
            known = self.published
            for name, task in self.plan.tasks.items():
                if task.dataset not in known and not self.data_paths.own_folder(task):
                    raise unknown("data set", task.dataset, known, f"task {name}")

    def own_folder(self, wildcards: Wildcards) -> Path | None:
        """Return the user's folder of a dataset."""
        return self.data_paths.own_folder(self.plan.datasets[wildcards.dataset])

    def own_state(self, wildcards: Wildcards) -> str:
        """Return the number of images in the user's folder and a digest of their names and sizes, to notice changes."""
        folder = self.own_folder(wildcards)
        sets = [folder / name for name in (*SETS, *LABEL_SETS)] if folder else []
        files = [(part, path) for part in sets for path in self._images(part)]
        known = [(part.name, name_in(part, path), path.stat().st_size) for part, path in files]
        return f"{len(known)} images, {hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]}"

    def _images(self, folder: Path) -> list[Path]:
        """Return a set's images; none where the set is missing or empty, which the set's job reports."""
        try:
            return self.config.reading.files(folder)
        except UserError:
            return []

    def expected(self, wildcards: Wildcards) -> str:
        """Return the image counts that a user's folder must have where numbers compare, as arguments of `link`."""
        known = wildcards.dataset in self.published and self.plan.config.comparable
        like = ["--like", wildcards.dataset, "--catalogue", str(self.catalogue)] if known else []
        return " ".join([shlex.join(like), self.photo_filter(wildcards), *self.config.reading.arguments]).strip()

    def manifests(self) -> list[Path]:
        """Return the manifests of every dataset that a table needs."""
        needed = {self.plan.manifest(evaluation.task) for evaluation in self.plan.grid.evaluations}
        return sorted(needed)

    def drawing(self, wildcards: Wildcards) -> str:
        """Return a digest of the code that draws a dataset of the demo; where it changes, images are drawn anew.

        It is empty for a dataset that the demo does not draw, which the dataset's job refuses in a sentence.
        """
        archive = demo.ARCHIVES.get(wildcards.dataset)
        return digest_of([module_sources(archive.draw.__module__), archive.train, archive.test]) if archive else ""

    def counts(self) -> dict[str, Counts]:
        """Return the numbers of images of each dataset by set, where they are known before the data is there."""
        if self.config.source == "demo":
            scale = self.config.scale_counts
            return {name: dict(_set_sizes(archive, scale)) for name, archive in demo.ARCHIVES.items()}
        named = {task.dataset for task in self.plan.tasks.values()}
        return {name: dataset.counts for name, dataset in self.published.items() if name in named}


def _set_sizes(archive: Archive, scale_counts: float) -> Iterator[tuple[str, int]]:
    """Return the numbers of images of each set that the demo draws."""
    for split in ("train", "test"):
        yield from zip((f"{split}A", f"{split}B"), archive.counts(split, scale_counts), strict=True)
