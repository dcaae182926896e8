"""Publish a scale's results: CSV files, pictures and a page, of what is there. Nothing is trained or scored."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from enco.errors import UserError
from enco.io.files import atomic_path
from enco.records import FinishedRecord, read_record
from eval.claims.render import write_ledger
from eval.figures.comparison import task_figure
from eval.figures.curves import draw_curves, read_curves, read_levels, save_curves
from eval.publication.cautions import CAVEAT
from eval.publication.files import ABOUT, CELLS, CLAIMS, CURVES, DATA, RUNS, TABLES, TASKS, read_lines, write_lines
from eval.publication.page import render_page
from eval.tables.protocol import Provenance, commit_name
from eval.tables.write import write_cells, write_table
from workflow import paths
from workflow.ledger import ledger_so_far
from workflow.made import Made
from workflow.plan.grid import Run
from workflow.plan.plan import Plan
from workflow.project import Project

QUALITY = 85
"""Of the pictures' JPEG, which keeps one of fourteen columns below 400 kB."""


@dataclass(frozen=True)
class Publication:
    """The published files of a project: tables in `docs/results`, pictures in `docs/images`, the page beside both."""

    project: Project
    docs: Path
    commit: str

    @property
    def folder(self) -> Path:
        """The folder of the CSV files."""
        return self.docs / "results"

    @property
    def plan(self) -> Plan:
        """The plan of the project."""
        return self.project.plan

    @cached_property
    def made(self) -> Made:
        """What of the project is made."""
        return Made(self.project)

    def write(self) -> list[Path]:
        """Write all files, the page from all others, and return them."""
        written = [*self._tables(), *self._tasks(), self._data(), self._runs(), self._claims(), self._about()]
        page = self.docs / "results.md"
        with atomic_path(page) as partial:
            partial.write_text(render_page(self.folder), encoding="utf-8")
        return [*written, page]

    def _tables(self) -> list[Path]:
        """Write each table, of extra ones those that have a number, and the cells of all."""
        planned = self.made.tables()
        names = list(planned)
        tables, differences = (
            {name: self.folder / f"{name}.{paths.ENDINGS[kind]}" for name in names} for kind in ("csv", "differences")
        )
        provenance = Provenance(**self.project.tables.provenance(), commit=self.commit)
        with TemporaryDirectory(prefix="enco-publish-") as temporary:
            cells = {name: Path(temporary, f"{name}.csv") for name in names}
            for name, path in tables.items():
                files = {"csv": path, "differences": differences[name], "cells": cells[name]}
                write_table(self.plan.tables[name], planned[name], self.plan.published, files, provenance)
            write_cells(list(cells.values()), self.folder / CELLS)
        specs = {name: self.plan.tables[name] for name in names}
        about = [
            {"table": name, "title": spec.heading, "shows_keys": spec.show_keys or "", "marks": spec.marks}
            | {"key": spec.key, "selection": self.plan.selection_of(name)}
            for name, spec in specs.items()
        ]
        written = [*tables.values(), *differences.values(), self.folder / CELLS]
        return [*written, write_lines(self.folder, TABLES, about)]

    def _tasks(self) -> list[Path]:
        """Draw a figure and curves of each task as far as they can be drawn, and write down which there are."""
        tasks = self.made.tasks
        figures, curves = {task: self._figure(task) for task in tasks}, {task: self._curves(task) for task in tasks}
        drawn = [path for _, path in (*figures.values(), *curves.values()) if path]
        lines = [
            {
                "task": task,
                "title": self.plan.tasks[task].title or task,
                "judge": figures[task][0],
                **{name: path.name for name, (_, path) in (("figure", figures[task]), ("curve", curves[task])) if path},
                "data": self.plan.dataset(task),
            }
            for task in tasks
        ]
        save_curves(pd.concat([found for found, _ in curves.values()], ignore_index=True), self.folder / CURVES)
        return [*drawn, self.folder / CURVES, write_lines(self.folder, TASKS, lines)]

    def _picture(self, name: str) -> Path:
        return self.docs / "images" / f"results-{name}"

    def _figure(self, task: str) -> tuple[str, Path | None]:
        """Draw the figure of a task with the rows that are scored; return who judges, and no path without a row."""
        if not (planned := self.made.figure(task)):
            return "", None
        path = self._picture(f"{task}.jpg")
        with atomic_path(path) as partial:
            task_figure(planned).save(partial, format="JPEG", quality=QUALITY)
        return planned.judge, path

    def _curves(self, task: str) -> tuple[pd.DataFrame, Path | None]:
        """Draw the curves of the runs whose saved generators are scored; return no path without a run."""
        planned = self.made.curves(task)
        found = read_curves(task, planned)
        if found.empty:
            return found, None
        path = self._picture(f"curve-{task}.svg")
        draw_curves(found, read_levels(planned), path)
        return found, path

    def _runs(self) -> Path:
        """Write a line for each training that is there."""
        return write_lines(self.folder, RUNS, map(_run_line, self.made.trained))

    def _claims(self) -> Path:
        """Hold the paper's claims against the numbers that are there."""
        path = self.folder / CLAIMS
        write_ledger(ledger_so_far(self.project, self.commit), {"csv": path})
        return path

    def _data(self) -> Path:
        """Write a line for each data set that is in place: counts, digest, licence."""
        return write_lines(self.folder, DATA, self.made.data())

    def _about(self) -> Path:
        """Write down scale, seeds and settings, the number of trainings that were planned, and the commit."""
        config = self.plan.config
        facts = {
            "scale": config.scale,
            "seeds": ", ".join(map(str, config.seeds)),
            "comparable": "yes" if config.comparable else "",
            "trainings_planned": len({*self.plan.only(self.plan.headline).grid.runs, *self.made.trained}),
            "commit": self.commit,
            "distance": config.features.distance,
            **{f"{CAVEAT}{number}": text for number, text in enumerate(config.caveats, 1)},
            **{f"setting.{key}": value for key, value in self.made.settings().items()},
        }
        return write_lines(self.folder, ABOUT, [{"key": key, "value": value} for key, value in facts.items()])


def _run_line(run: Run) -> dict[str, object]:
    record = read_record(run.at(paths.RECORD), FinishedRecord)
    return {
        "task": run.task,
        "variant": run.variant,
        "seed": run.seed,
        "iterations": record.iterations,
        "hours": f"{record.wall_seconds / 3600:.3f}",
        "device": record.device,
        "computed": record.computed,
        "commit": commit_name(record.git),
        "data": record.data_hash,
        "config_hash": record.config_hash,
    }


def publish(project: Project, docs: Path, commit: str) -> list[Path]:
    """Publish what is there, all or nothing, and return the files that were written.

    Files of an earlier publication that are none now go away. Raises UserError where nothing is trained, for a part of
    the tables, where another scale is published, and where a training is published that is not there any more.
    """
    _check(project, docs)
    with TemporaryDirectory(prefix="enco-publish-") as temporary:
        publication = Publication(project, Path(temporary), commit)
        if not publication.made.trained:
            scale = project.plan.config.scale
            raise UserError(f"Scale {scale} has no training yet: make some by `snakemake all_tables`.")
        _check_losses(publication.made.trained, docs)
        return _replace(publication.write(), Path(temporary), docs)


def _check(project: Project, docs: Path) -> None:
    """Raise UserError for a part of the tables, and where another scale is published."""
    config, about = project.plan.config, docs / "results" / ABOUT
    if config.only.names:
        raise UserError("Whole tables are published: leave out 'only'; what is not made yet is a – with its reason.")
    lines = read_lines(about) if about.exists() else []
    scale = next((line["value"] for line in lines if line["key"] == "scale"), config.scale)
    if scale != config.scale:
        raise UserError(
            f"{docs}/results is of scale {scale}, and this is scale {config.scale}: name its --configfile, or move"
            f" {docs}/results away."
        )


def _check_losses(trained: Sequence[Run], docs: Path) -> None:
    """Raise UserError where a training of the earlier publication is not among those that are there."""
    there = {(run.task, run.variant, str(run.seed)) for run in trained}
    lines = read_lines(docs / "results" / RUNS) if (docs / "results" / RUNS).exists() else []
    lost = [line for line in lines if (line["task"], line["variant"], line["seed"]) not in there]
    if lost:
        first = "{variant} on {task}, seed {seed}".format(**lost[0])
        raise UserError(
            f"{docs}/results has {len(lost)} of {len(lines)} trainings that {paths.RESULTS}/ has not as they are asked"
            f" for ({first}): bring them back, or move {docs}/results away to publish without them."
        )


def _replace(written: Sequence[Path], source: Path, docs: Path) -> list[Path]:
    """Copy the files of a publication over the earlier one's, and delete what is none of them."""
    placed = [docs / path.relative_to(source) for path in written]
    for path, place in zip(written, placed, strict=True):
        with atomic_path(place) as partial:
            shutil.copyfile(path, partial)
    for path in [*(docs / "results").glob("*.csv"), *(docs / "images").glob("results-*")]:
        if path not in placed:
            path.unlink()
    return placed
