"""Write tables as far as they can be made: which of their numbers are there, and why others are not.

Nothing is trained. A number may be of an earlier state: it counts only if its run's settings, images and scoring are
those of the configuration, and if the run was not trained again after the number was scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ParamSpec

from enco.data.manifest import read_set_hashes, read_training_hash
from enco.errors import UserError
from enco.io.files import read_json
from enco.records import RunRecord, read_record
from enco.training.identity import config_hash
from enco.training.run_folder import is_held
from eval.config import FeatureConfig
from eval.extractors import INPUT_SIZE
from eval.figures.paper.options import NAMES
from eval.figures.paper.planned import PlannedPaperFigure
from eval.provenance import RESAMPLING, SCORES, code_of
from eval.records import (
    ExtractorRecord,
    Scores,
    Selection,
    SetScores,
    read_reference,
    read_scores,
    read_timing,
    replicates_file,
)
from eval.tables.columns import METRICS
from eval.tables.planned import PlannedCell
from eval.tables.protocol import Provenance, drawn_at
from eval.tables.write import write_table
from eval.uncertainty.records import load_arrays, read_uncertainty
from workflow import paths
from workflow.inputs.paper_figures import not_made
from workflow.plan.grid import Cell, Evaluation, Run
from workflow.plan.plan import Plan
from workflow.project import Project

P = ParamSpec("P")
FAILED = ("diverged", "training failed")
"""How the reasons of trainings begin that a call again will not mend."""


@dataclass(frozen=True)
class SoFar:
    """The numbers of a project that are there at this moment."""

    project: Project

    @property
    def plan(self) -> Plan:
        """The plan of the project."""
        return self.project.plan

    def planned(self, table: str) -> list[PlannedCell]:
        """Return the cells of a table; one without a number has no file, and a reason."""
        tables, cells = self.project.tables, self.plan.grid.table(table).cells
        return [
            *(self._without_gaps(tables.planned_cell(cell), cell) for cell in cells),
            *tables.cells_without_runs(table),
            *map(self._reference_without_gaps, tables.reference_cells(table)),
        ]

    def gaps(self) -> dict[Run, str]:
        """Return why each run is not trained as the configuration asks for; empty for one that is."""
        return {run: _gap_or_error(self._run_gap, run) for run in self.plan.grid.runs}

    def trained(self) -> list[Run]:
        """Return the runs that are trained as the configuration asks for."""
        return [run for run, gap in self.gaps().items() if not gap]

    def score_gaps(self) -> dict[Evaluation, str]:
        """Return why each evaluation has no scores, of the first selection, that the configuration asks for."""
        selection = self.plan.selections[0]
        return {one: _gap_or_error(self._scores_gap, one, selection) for one in self.plan.grid.evaluations}

    def paper_figure(self, name: str) -> PlannedPaperFigure:
        """Return what a figure of the paper can be made of, and say what is not there yet."""
        return self.project.paper_figures.so_far(name, *self._gaps_by_file)

    @cached_property
    def _gaps_by_file(self) -> tuple[dict[Path, str], dict[Path, str]]:
        """The reasons of `gaps` by the run's folder, and those of `score_gaps` by the features file."""
        selection = self.plan.selections[0]
        unscored = {one.features(selection): gap for one, gap in self.score_gaps().items()}
        return {run.folder: gap for run, gap in self.gaps().items()}, unscored

    def failures(self) -> Iterator[str]:
        """Yield the trainings that ended without weights and do not go on by themselves, with how they ended."""
        for run, gap in self.gaps().items():
            if gap.startswith(FAILED):
                yield f"{run.variant} on {run.task}, seed {run.seed}: {gap}"

    def test_images(self, task: str) -> dict[str, str]:
        """Return what the scores of a task say of the images, from the manifest; empty hashes for sets without any."""
        hashes, plan = read_set_hashes(self.plan.manifest(task).parent), self.plan
        folders = {"sources": plan.test_folder(task, "source"), "real": plan.test_folder(task, "target")}
        if self.project.segmentation.is_scored(task):
            folders["labels"] = self.project.segmentation.labels_of(task)
        return {name: hashes.get(folder.name, "") for name, folder in folders.items()}

    def _without_gaps(self, planned: PlannedCell, cell: Cell) -> PlannedCell:
        evaluation = cell.evaluation
        scores = _gap_or_error(self._scores_gap, evaluation, self.plan.selection_of(cell.table))
        timing = _gap_or_error(self._timing_gap, planned, evaluation.run) if planned.timing else ""
        resampled = scores or _gap_or_error(_resampling_gap, planned)
        return replace(
            planned,
            scores=None if scores else planned.scores,
            timing=None if timing else planned.timing,
            uncertainty=None if resampled else planned.uncertainty,
            reason={"scores": scores, "timing": timing, "uncertainty": resampled}[METRICS[cell.metric].source],
        )

    def _reference_without_gaps(self, planned: PlannedCell) -> PlannedCell:
        if planned.reference is None:
            return planned
        gap = _gap_or_error(self._reference_gap, planned.reference, planned.reference.parent.name)
        resampled = gap or _gap_or_error(_resampling_gap, planned)
        return replace(
            planned,
            reference=None if gap else planned.reference,
            uncertainty=None if resampled else planned.uncertainty,
            reason=resampled if METRICS[planned.metric].source == "uncertainty" else gap,
        )

    def _reference_gap(self, file: Path, task: str) -> str:
        """Return why a task's untranslated inputs have no scores that are the configuration's; empty if they have."""
        if not file.exists():
            scored = self._network_gap(task) or "not scored yet"
            return scored if self.plan.manifest(task).exists() else "no data"
        other = next(self._scored_otherwise(read_reference(file), task), None)
        return f"scored with other {other}, to be scored again" if other else ""

    def _timing_gap(self, planned: PlannedCell, run: Run) -> str:
        """Return why a variant has no seconds that are the configuration's; empty if there are such seconds."""
        timing = read_timing(planned.timing) if planned.timing and planned.timing.exists() else None
        if timing is None or planned.variant not in timing.asked.variants:
            return "not timed yet"
        if self.project.timing.differs(timing, run):
            return "timed with other settings or code, to be timed again"
        error = timing.errors.get(planned.variant)
        return f"could not be timed ({error})" if error else ""

    def _scores_gap(self, evaluation: Evaluation, selection: Selection) -> str:
        """Return why an evaluation has no scores that are the configuration's; empty if there are such scores."""
        run, scores = evaluation.run, evaluation.scores(selection)
        if gap := self._run_gap(run):
            return gap
        if not scores.exists():
            return self._network_gap(evaluation.task) or "trained, not scored yet"
        if scores.stat().st_mtime < run.at(paths.RECORD).stat().st_mtime:
            return "trained again, not scored yet"
        other = next(self._differences(read_scores(scores), run, evaluation.task), None)
        return f"scored with other {other}, to be scored again" if other else ""

    def _differences(self, scores: Scores, run: Run, task: str) -> Iterator[str]:
        """Yield what a scores file was made with that the configuration no longer asks for."""
        if scores.config_hash != config_hash(run.config):
            yield "settings"
        yield from self._scored_otherwise(scores, task)

    def _scored_otherwise(self, scores: SetScores, task: str) -> Iterator[str]:
        """Yield what images were scored with that the configuration no longer asks for."""
        features, protocol = self.plan.config.features, scores.protocol
        asked = {"k": features.k, "legacy_rounding": features.legacy_rounding, "size": self.plan.size}
        if self.plan.manifest(task).exists() and protocol.images != self.test_images(task):
            yield "images"
        if not _is_of(features, protocol.extractor_settings):
            yield "features"
        if protocol.code != code_of(*SCORES):
            yield "code"
        yield from (key for key, value in asked.items() if getattr(protocol, key) != value)
        if self.project.segmentation.is_scored(task):
            yield from self._other_segmentation(scores)

    def _other_segmentation(self, scores: SetScores) -> Iterator[str]:
        """Yield what segmentation scores were made with that the configuration no longer asks for."""
        drn = self.plan.config.drn
        if scores.metrics.segmentation is None:
            yield "metrics"
        elif (scores.protocol.drn_network, scores.protocol.drn_size) != (drn.network, list(drn.size)):
            yield "segmentation network or size"

    def _run_gap(self, run: Run) -> str:
        """Return why a run is not trained as the configuration asks for; empty if the run is."""
        record = run.at(paths.RECORD)
        if not record.exists():
            return self._progress(run)
        found = read_record(record, RunRecord)
        if found.config_hash != config_hash(run.config):
            return "trained with other settings, to be trained again"
        manifest = self.plan.manifest(run.task)
        if manifest.exists() and read_training_hash(manifest.parent) != found.data_hash:
            return "trained on other images, to be trained again"
        if self.project.train.code_differences(run.config, found.sources):
            return "trained by other code, to be trained again"
        return ""

    def _progress(self, run: Run) -> str:
        """Return how far a training without a record is."""
        started, state = run.at(paths.STARTED), run.at(paths.STATE)
        if is_held(run.folder) and state.exists():
            return f"in training, {_at_checkpoint(read_json(state))}"
        if started.exists() and state.exists():
            found = read_record(started, RunRecord)
            if found.config_hash == config_hash(run.config):
                return _ended(read_json(state))
        return "not trained yet" if self.plan.manifest(run.task).exists() else "no data"

    def _network_gap(self, task: str) -> str:
        """Return what the user has to bring before a task can be scored; empty if nothing."""
        scores = self.project.segmentation
        missing = scores.is_scored(task) and scores.file is not None and not scores.file.exists()
        return f"no segmentation network ({scores.config.network})" if missing else ""


def _gap_or_error(gap: Callable[P, str], *of: P.args, **named: P.kwargs) -> str:
    """Return why there is no number; an unreadable file, or one that lacks what this version writes, is a reason."""
    try:
        return gap(*of, **named)
    except UserError as error:
        return f"unreadable ({str(error).rstrip('.')})"
    except (LookupError, TypeError) as error:
        return f"a file behind it lacks {error}, to be made again"


def _resampling_gap(planned: PlannedCell) -> str:
    """Return why there is no uncertainty of a cell's scores; empty if there is one."""
    file, scores = planned.uncertainty, planned.scored
    if file is None or scores is None or not (file.exists() and replicates_file(file).exists()):
        return "scored, not resampled yet"
    if file.stat().st_mtime < scores.stat().st_mtime:
        return "scored, not resampled yet"
    if read_uncertainty(file).code != code_of(*RESAMPLING):
        return "resampled by other code, to be resampled again"
    load_arrays(replicates_file(file))
    return ""


def _is_of(features: FeatureConfig, used: ExtractorRecord) -> bool:
    """Return whether an extractor is the one that is asked for, at the side that is asked for."""
    return (used.kind, used.input_size) == (features.extractor, features.input_size or INPUT_SIZE[features.extractor])


def _ended(state: dict[str, Any]) -> str:
    """Return how a training ended that is not finished."""
    why = str(state["reason"] or "").partition(", so the training in")[0]
    return {
        "running": f"killed, {_at_checkpoint(state)}",
        "stopped": f"stopped at iteration {state['iteration']}",
        "diverged": f"diverged ({why})",
        "failed": f"training failed ({why})",
    }.get(state["state"], "not trained yet")


def _at_checkpoint(state: dict[str, Any]) -> str:
    """Return which iteration a training would go on from: its state is written with each checkpoint."""
    return f"last checkpoint at iteration {state['iteration']}" if state["iteration"] else "no checkpoint yet"


def so_far_files(plan: Plan, table: str) -> dict[str, Path]:
    """Return the files of a table as far as it can be made, by kind."""
    return {kind: plan.file(template, table=table) for kind, template in paths.SO_FAR.items()}


def write_so_far(project: Project, when: str, commit: str) -> Iterator[str]:
    """Write every table as far as it can be made; yield how many of each table's cells are there.

    A table whose numbers do not go together is not written, and one that was written before is removed.
    """
    plan = project.plan
    for name in plan.headline:
        planned, files = SoFar(project).planned(name), so_far_files(plan, name)
        said = f"written at {when}, with what was there; `snakemake all_tables` makes the rest"
        made = Provenance(**project.tables.provenance(), so_far=said, commit=commit)
        try:
            block = write_table(plan.tables[name], planned, plan.published, files, made)
        except UserError as error:
            for file in files.values():
                file.unlink(missing_ok=True)
            yield f"{name}: not written, as its numbers do not go together: {error}"
        else:
            measured = [cell.measured for _, _, cell in block.places()]
            yield f"{name}: {sum(measured)} of {len(measured)} cells: {files['md']}"


def draw_so_far(project: Project, commit: str) -> Iterator[str]:
    """Draw the paper's figures as far as they can be drawn; yield where each one is, or why it is not drawn.

    A figure that is not drawn, and was before, is removed.
    """
    from eval.figures.paper.draw import write_paper_figure

    there = SoFar(project)
    made = drawn_at(Provenance(**project.tables.provenance(), commit=commit))
    for name in NAMES:
        figure = there.paper_figure(name)
        files = {kind: project.plan.file(path, figure=name) for kind, path in paths.PAPER_FIGURE_SO_FAR.items()}
        try:
            if not figure.tasks:
                raise UserError(not_made(figure))
            write_paper_figure(figure, files, made)
        except UserError as error:
            for file in files.values():
                file.unlink(missing_ok=True)
            yield str(error)
        else:
            yield f"{name}: {files['pdf']}"
