"""Inputs and parameters of the rules on the authors' generators: which are to be had, and the table of their scores."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from enco.errors import UserError
from eval.released.catalogue import Catalogue, Released, load_catalogue
from eval.released.planned import ReleasedTable
from eval.released.record import NOT_THERE, Gap, GeneratorRecord, read_generator_record
from eval.tables.columns import METRICS, parts
from eval.tables.planned import PlannedCell
from eval.tables.spec import ALL_TASKS, REFERENCE_ROW, ColumnSpec, RowSpec, TableSpec
from workflow import paths
from workflow.inputs.tables import PrintedTables
from workflow.plan.plan import Plan
from workflow.plan.wildcards import Wildcards

TITLE = "The generators that the methods' authors published"


@dataclass(frozen=True)
class AuthorsGenerators:
    """The published generators that translate a task of a plan."""

    plan: Plan
    tables: PrintedTables

    @property
    def files(self) -> Path:
        """The folder of published files."""
        return self.plan.base / self.plan.config.released.files

    @property
    def catalogue_file(self) -> Path:
        """The file that lists the published generators."""
        return self.plan.base / self.plan.config.released.catalogue

    @cached_property
    def catalogue(self) -> Catalogue:
        """The published generators, read when they are first asked for."""
        return load_catalogue(self.catalogue_file)

    @cached_property
    def wanted(self) -> list[Released]:
        """The generators of the table; UserError where none translates a task of the plan."""
        tasks, methods = {column.task for column in self._columns()}, self.plan.config.only.rows
        found = [one for one in self.catalogue.released() if tasks & one.generator.tasks.keys()]
        found = [one for one in found if not methods or one.variant.method in methods]
        if not found:
            raise UserError(
                f"{self.catalogue_file} has no generator for {', '.join(sorted(tasks)) or 'this configuration'}: ask"
                " for other tasks or rows, or add one there."
            )
        return found

    def _columns(self) -> Iterator[ColumnSpec]:
        """Yield every task of the plan's tables, with the metrics of images that any of them prints."""
        columns = [column for spec in self.plan.tables.values() for column in spec.columns if column.task != ALL_TASKS]
        for task in dict.fromkeys(column.task for column in columns):
            mine = [column for column in columns if column.task == task]
            printed = dict.fromkeys(metric for column in mine for metric in column.metrics)
            if metrics := tuple(one for one in printed if METRICS[parts(one)[0]].of_images):
                yield ColumnSpec(task=task, header=mine[0].header, metrics=metrics)

    def outputs(self) -> dict[str, Path]:
        """Return the files of the table, by kind."""
        return {kind: self.plan.file(path, table=paths.RELEASED_TABLE) for kind, path in paths.TABLE.items()}

    def current(self) -> list[Path]:
        """Return the table where the user finds it."""
        return [paths.fill(path, table=paths.RELEASED_TABLE) for path in paths.CURRENT_TABLE.values()]

    def provenance(self) -> dict[str, Any]:
        """Return what the files behind the table do not say."""
        return {**self.tables.provenance(), "has_seeds": False}

    def find(self, wildcards: Wildcards) -> Released:
        """Return the generator of a job."""
        return self.catalogue.find(wildcards.released)

    def arguments(self, wildcards: Wildcards, output: object) -> str:
        """Return where a generator is looked for, as arguments of `python -m eval.released`.

        Snakemake does not compare parameters that take the output: another address of the same file remakes nothing.
        """
        places = ["--catalogue", str(self.catalogue_file), "--files", str(self.files)]
        return shlex.join([wildcards.released, *places])

    def facts(self, wildcards: Wildcards) -> str:
        """Return what a generator is imported as, as JSON; what its file is checked against decides `attempt`."""
        one = self.find(wildcards)
        about = one.generator.model_dump(include={"members", "options"})
        return json.dumps(about | {"method": one.variant.method}, sort_keys=True)

    def attempt(self, wildcards: Wildcards) -> int:
        """Return a number that stays the same while an imported generator stands, and else is another at each call.

        So Snakemake tries again what was missing, and imports anew what was replaced.
        """
        one = self.find(wildcards)
        record = self._record(one)
        if record is None:
            return 0
        return record.attempt + (not self._stands(one, record))

    def _record(self, one: Released) -> GeneratorRecord | None:
        path = paths.fill(paths.IMPORTED_RECORD, released=one.key)
        return read_generator_record(path) if path.is_file() else None

    def _stands(self, one: Released, record: GeneratorRecord) -> bool:
        return record.stands(paths.fill(paths.IMPORTED_GENERATOR, released=one.key), one.file)

    def _is_to_be_had(self, one: Released) -> bool:
        """Return whether a generator was imported, or its file is there or can be fetched."""
        record = self._record(one)
        return (record is not None and self._stands(one, record)) or one.is_to_be_had(self.files)

    def _gap(self, one: Released) -> Gap | None:
        """Return why a generator cannot be scored; None if it was imported."""
        if not self._is_to_be_had(one):
            return Gap(reason=NOT_THERE, sentence=one.request(self.files))
        record = self._record(one)
        return record.gap if record else Gap(reason="", sentence="")

    def backward(self, wildcards: Wildcards) -> str:
        """Return `--backward` for a task that a generator translates in reverse."""
        return "--backward" if self.find(wildcards).generator.tasks[wildcards.test_task] == "backward" else ""

    def records(self, wildcards: Wildcards) -> list[Path]:
        """Return the records of the generators that are to be had; for the others no job is started."""
        return [paths.fill(paths.IMPORTED_RECORD, released=one.key) for one in self._to_be_had()]

    def scores(self, imported: Callable[..., Any]) -> list[Path]:
        """Return the scores, and how sure they are, of imported generators and of their tasks' untranslated inputs.

        `imported` is `get` of the checkpoint that imports: it raises until that is done, and Snakemake asks again.
        """
        for one in self._to_be_had():
            imported(released=one.key)
        return sorted({path for cell in self._cells() for path in cell.files})

    def _to_be_had(self) -> list[Released]:
        return [one for one in self._possible() if self._is_to_be_had(one)]

    def _possible(self) -> list[Released]:
        """Return the generators of the table with a task that is not left out."""
        tasks = self._tasks - self.plan.config.absent.keys()
        return [one for one in self.wanted if one.generator.tasks.keys() & tasks]

    @property
    def _tasks(self) -> set[str]:
        return {column.task for column in self._columns()}

    def table(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the table as planned: rows, columns, the files behind its numbers, and why others are missing."""
        rows = dict.fromkeys(one.row for one in self.wanted)
        variants = {row: self.catalogue.variants[row] for row in rows}
        tasks = {task for one in self.wanted for task in one.generator.tasks}
        spec = TableSpec(
            name=paths.RELEASED_TABLE,
            title=TITLE,
            row_header="Generator",
            rows=tuple(RowSpec(key=row, label=one.label, method=one.method) for row, one in variants.items()),
            columns=tuple(column for column in self._columns() if column.task in tasks),
            notes=tuple(dict.fromkeys(note for one in variants.values() for note in one.notes)),
        )
        made = ReleasedTable(
            spec=spec,
            planned=tuple(self._cells()),
            variants=variants,
            files={row: self._files(row) for row in rows},
            wanted=tuple(self.requests()),
        )
        return made.model_dump(mode="json")

    def _files(self, row: str) -> tuple[str, ...]:
        """Name the published files that a row's generators were imported from, with their hashes."""
        records = (self._record(one) for one in self.wanted if one.row == row and self._gap(one) is None)
        found = [record.file for record in records if record]
        return tuple(dict.fromkeys(f"{Path(one.path).name} (sha256 {one.sha256})" for one in found if one))

    def _cells(self) -> Iterator[PlannedCell]:
        """Yield the numbers of the table: of every generator, and of the inputs of tasks that have a score."""
        for column in self._columns():
            mine = [(one, self._reason(one, column.task)) for one in self.wanted if column.task in one.generator.tasks]
            for one, reason in mine:
                scores = self.plan.file(paths.RELEASED_SCORES, released=one.key, test_task=column.task)
                yield from self._row_cells(column, one.row, None if reason is not None else scores, reason or "")
            if self.plan.config.reference and any(reason is None for _, reason in mine):
                yield from self._row_cells(column, REFERENCE_ROW.key, self.tables.reference_file(column.task))

    def _reason(self, one: Released, task: str) -> str | None:
        """Return why a generator has no score on a task, empty while that is not known; None if it has one."""
        gap = self._gap(one)
        return self.plan.config.absent.get(task, gap.reason if gap else None)

    def _row_cells(self, column: ColumnSpec, row: str, scores: Path | None, reason: str = "") -> Iterator[PlannedCell]:
        seed, resampled = self.plan.config.seeds[0], scores and paths.uncertainty_of(scores)
        for metric in (part for name in column.metrics for part in parts(name)):
            yield PlannedCell(
                row=row,
                task=column.task,
                metric=metric,
                seed=seed,
                reference=scores,
                uncertainty=resampled,
                reason=reason,
            )

    def requests(self) -> list[str]:
        """Return what the user can do for each missing generator, one sentence for each file."""
        gaps = filter(None, map(self._gap, self._possible()))
        return list(dict.fromkeys(gap.sentence for gap in gaps if gap.sentence))
