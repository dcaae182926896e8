"""Tables as far as they can be made: which of their numbers are there, and why the others are not. Nothing is trained.

What is there may be of an earlier state: a number counts only if its run's settings, images and way of scoring are
those of the configuration, and if nothing was trained after it was scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from enco.data.manifest import read_training_hash
from enco.errors import UserError
from enco.io.files import read_json
from enco.training.identity import config_hash
from enco.training.run_folder import is_held
from eval.config import FeatureConfig
from eval.records import INPUT_SIZE, ExtractorRecord
from eval.tables.planned import PlannedCell, is_timed
from eval.tables.protocol import Provenance
from eval.tables.write import write_table
from workflow import paths
from workflow.plan.grid import Cell, Evaluation, Run

if TYPE_CHECKING:
    from workflow.project import Project

P = ParamSpec("P")
FAILED = ("diverged", "training failed")
"""How the reasons of trainings begin that a call again will not mend."""


@dataclass(frozen=True)
class SoFar:
    """What is there of a project's numbers at this moment."""

    project: Project

    def planned(self, table: str) -> list[PlannedCell]:
        """The cells of a table; one without a number has no file, and its reason."""
        return [
            self._without_gaps(self.project.printed.planned_cell(cell), cell)
            for cell in self.project.grid.table(table).cells
        ] + self.project.printed.faulty_cells(table)

    def failures(self) -> Iterator[str]:
        """The trainings that ended without their weights and do not go on by themselves, with how they ended."""
        for run in self.project.grid.runs:
            if (gap := _whole(self._run_gap, run)).startswith(FAILED):
                yield f"{run.variant} on {run.task}, seed {run.seed}: {gap}"

    def _without_gaps(self, planned: PlannedCell, cell: Cell) -> PlannedCell:
        evaluation = cell.evaluation
        scores = _whole(self._scores_gap, evaluation)
        timing = _whole(self._timing_gap, planned, evaluation.run) if planned.timing else ""
        return replace(
            planned,
            scores=None if scores else planned.scores,
            timing=None if timing else planned.timing,
            reason=timing if is_timed(cell.metric) else scores,
        )

    def _timing_gap(self, planned: PlannedCell, run: Run) -> str:
        """Why a variant has no seconds that are the configuration's; empty if it has."""
        timing = read_json(planned.timing) if planned.timing and planned.timing.exists() else {}
        if planned.variant not in timing.get("asked", {}).get("variants", {}):
            return "not timed yet"
        if self.project.trainings.timing_differs(timing, run):
            return "timed with other settings or code, to be timed again"
        error = timing["errors"].get(planned.variant)
        return f"could not be timed ({error})" if error else ""

    def _scores_gap(self, evaluation: Evaluation) -> str:
        """Why an evaluation has no scores that are the configuration's; empty if it has."""
        run, scores = evaluation.run, evaluation.scores(self.project.config.selection)
        if gap := self._run_gap(run):
            return gap
        if not scores.exists():
            return self._network_gap(evaluation.task) or "trained, not scored yet"
        if scores.stat().st_mtime < run.at(paths.RECORD).stat().st_mtime:
            return "trained again, not scored yet"
        other = next(self._differences(read_json(scores), run, evaluation.task), None)
        return f"scored with other {other}, to be scored again" if other else ""

    def _differences(self, scores: dict[str, Any], run: Run, task: str) -> Iterator[str]:
        """What a scores file was made with that the configuration no longer asks for."""
        features, protocol = self.project.config.features, scores["protocol"]
        asked = {"k": features.k, "legacy_rounding": features.legacy_rounding, "size": self.project.size}
        if scores["config_hash"] != config_hash(run.config):
            yield "settings"
        if not _is_of(features, ExtractorRecord(**protocol["extractor_settings"])):
            yield "features"
        yield from (key for key, value in asked.items() if protocol[key] != value)
        if self.project.segmentation.is_scored(task):
            yield from self._other_segmentation(scores)

    def _other_segmentation(self, scores: dict[str, Any]) -> Iterator[str]:
        """What its segmentation scores were made with that the configuration no longer asks for."""
        drn = self.project.config.drn
        if "segmentation" not in scores["metrics"]:
            yield "metrics"
        elif [scores["protocol"][key] for key in ("drn_network", "drn_size")] != [drn.network, list(drn.size)]:
            yield "segmentation network or size"

    def _run_gap(self, run: Run) -> str:
        """Why a run is not trained as the configuration asks for; empty if it is."""
        record = run.at(paths.RECORD)
        if not record.exists():
            return self._progress(run)
        found = read_json(record)
        if found["config_hash"] != config_hash(run.config):
            return "trained with other settings, to be trained again"
        manifest = self.project.manifest(run.task)
        if manifest.exists() and read_training_hash(manifest.parent) != found["data_hash"]:
            return "trained on other images, to be trained again"
        if self.project.trainings.code_differences(run.config, found["sources"]):
            return "trained by other code, to be trained again"
        return ""

    def _progress(self, run: Run) -> str:
        """How far a training without its record is."""
        begun, state = run.folder / "config.json", run.folder / "state.json"
        if is_held(run.folder) and state.exists():
            return f"in training, at iteration {read_json(state)['iteration']}"
        if begun.exists() and state.exists() and read_json(begun)["config_hash"] == config_hash(run.config):
            return _ended(read_json(state))
        return "not trained yet" if self.project.manifest(run.task).exists() else "no data"

    def _network_gap(self, task: str) -> str:
        """What the user has to bring before a task can be scored; empty if nothing."""
        scores = self.project.segmentation
        missing = scores.is_scored(task) and scores.file is not None and not scores.file.exists()
        return f"no segmentation network ({scores.config.network})" if missing else ""


def _whole(gap: Callable[P, str], *of: P.args, **named: P.kwargs) -> str:
    """Why there is no number; that a file behind it cannot be read, or lacks what this version writes, is a reason."""
    try:
        return gap(*of, **named)
    except UserError as error:
        return f"unreadable ({str(error).rstrip('.')})"
    except (LookupError, TypeError) as error:
        return f"a file behind it lacks {error}, to be made again"


def _is_of(features: FeatureConfig, used: ExtractorRecord) -> bool:
    """Return whether an extractor is the one that is asked for, at the side that is asked for."""
    return (used.kind, used.input_size) == (features.extractor, features.input_size or INPUT_SIZE)


def _ended(state: dict[str, Any]) -> str:
    """How a training ended that is not finished."""
    why = str(state["reason"] or "").partition(", so the training in")[0]
    return {
        "running": f"killed at iteration {state['iteration']}",
        "stopped": f"stopped at iteration {state['iteration']}",
        "diverged": f"diverged ({why})",
        "failed": f"training failed ({why})",
    }.get(state["state"], "not trained yet")


def so_far_files(project: Project, table: str) -> dict[str, Path]:
    """Where a table is written as far as it can be made, by kind."""
    at = {"scale": project.config.scale, "part": project.part, "table": table}
    return {kind: paths.fill(template, **at) for kind, template in paths.SO_FAR.items()}


def write_so_far(project: Project, when: str, commit: str) -> Iterator[str]:
    """Write every table as far as it can be made, and say of each how many of its cells are there.

    A table whose numbers do not go together is not written, and one that was written before is removed.
    """
    for name in project.headline:
        planned, files = SoFar(project).planned(name), so_far_files(project, name)
        said = f"written at {when}, with what was there; `snakemake all_tables` makes the rest"
        made = Provenance(**project.printed.made(), so_far=said, commit=commit)
        try:
            block = write_table(project.tables[name], planned, project.published, files, made)
        except UserError as error:
            for file in files.values():
                file.unlink(missing_ok=True)
            yield f"{name}: not written, as its numbers do not go together: {error}"
        else:
            entries = [entry.measured for _, _, entry in block.cells()]
            yield f"{name}: {sum(entries)} of {len(entries)} cells: {files['md']}"
