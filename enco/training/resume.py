"""Choose where a training starts by the content of a run's folder: at nothing, at a checkpoint, or finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from enco.errors import UserError
from enco.io.files import read_json
from enco.records import FINISHED, FINISHED_FILE, Change, FinishedRecord, RunRecord, read_record
from enco.training.checkpoint import Checkpoint, CheckpointFolder
from enco.training.identity import Difference, OnChange, Values, compare, have_equal_start
from enco.training.init_file import check_there
from enco.training.run_files import (
    finish_moving,
    has_result,
    keep_result,
    move_aside,
    move_result_aside,
    restore_result,
)


@dataclass(frozen=True)
class Start:
    """The start of a training, which is finished already if the record is a FinishedRecord."""

    record: RunRecord
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True)
class Found:
    """An earlier training of a folder."""

    folder: Path
    record: RunRecord
    iteration: int
    checkpoint: Checkpoint | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the training has its result."""
        return isinstance(self.record, FinishedRecord)

    def describe(self, differences: Sequence[Difference]) -> str:
        """Describe the training to a user who has asked for another one."""
        what = "a finished training" if self.is_finished else f"a training at iteration {self.iteration}"
        return f"{what} that was made otherwise ({', '.join(map(str, differences))})"

    def is_exact(self, asked: RunRecord) -> bool:
        """Say whether the weights are so far those of a training of the length that is asked for."""
        epoch = self.checkpoint.method["epoch"] if self.checkpoint else 0
        return have_equal_start(self.record.settings, asked.settings, epoch)


def find_start(
    checkpoints: CheckpointFolder, asked: RunRecord, defaults: Values, total: int, policy: OnChange
) -> Start:
    """Compare a training that is asked for with what a run's folder holds, and choose where to start.

    Goes on, says so and notes the change in the record, where only the length differs and either grows or has not
    mattered yet, and where only what the policy keeps differs. `total`: iterations asked for. Raises UserError, which
    names every difference, where the policy is to stop. Only for who holds the run's lock.
    """
    out = checkpoints.folder.parent
    if aside := finish_moving(out):
        print(f"What a killed call was moving aside is in {aside}.", flush=True)
    checkpoints.clear_leftovers()
    found = find(checkpoints)
    if found is None:
        return Start(asked)
    differences = compare(found.record, asked, defaults)
    if found.is_finished and any(d.is_length for d in differences):
        found = replace(found, checkpoint=checkpoints.of_iteration(found.iteration))
    elif found.is_finished:  # how this machine would compute does not matter
        differences = [d for d in differences if d.kind != "computed"]
    if not differences:
        return _go_on_unchanged(found, asked)
    if _may_go_on(found, differences, asked, total, policy):
        return _go_on_changed(found, differences, asked)
    if policy.anew:
        check_there(asked.config.init)
        aside = move_aside(out)
        print(f"{out} held {found.describe(differences)}: moved to {aside}, training begins anew.", flush=True)
        return Start(asked)
    raise UserError(f"{out} holds {found.describe(differences)}: {_cure(differences)}.")


def find(checkpoints: CheckpointFolder) -> Found | None:
    """Find the training of a run's folder, by the result or else the newest checkpoint; None where both are missing."""
    out = checkpoints.folder.parent
    for folder in (out, out / FINISHED):
        if has_result(folder):
            record = read_record(folder / FINISHED_FILE, FinishedRecord)
            return Found(out, record, record.iterations)
    checkpoint = checkpoints.newest()
    return Found(out, checkpoint.record, checkpoint.iteration, checkpoint) if checkpoint else None


def _may_go_on(found: Found, differences: Sequence[Difference], asked: RunRecord, total: int, policy: OnChange) -> bool:
    """Say whether all that differs is the training's length or something to keep."""
    others = [d for d in differences if not d.is_length and d.kind not in policy.keep]
    longer = any(d.is_length for d in differences)
    if others or (longer and (found.checkpoint is None or total < found.iteration)):
        return False
    return not longer or found.is_exact(asked) or (_epochs(asked) > _epochs(found.record) and not policy.anew)


def _epochs(record: RunRecord) -> int:
    epochs: int = record.settings["train.n_const"] + record.settings["train.n_decay"]
    return epochs


def _go_on_unchanged(found: Found, asked: RunRecord) -> Start:
    if isinstance(found.record, FinishedRecord):
        return _finished(found.folder, found.record)
    kept = {name: getattr(found.record, name) for name in ("plan", "computed", "changes")}
    return Start(asked.model_copy(update=kept), found.checkpoint)


def _go_on_changed(found: Found, differences: Sequence[Difference], asked: RunRecord) -> Start:
    """Start at the training that was found, noting and printing the differences."""
    print(f"Going on with {found.describe(differences)}.", flush=True)
    before, longer = found.record, any(d.is_length for d in differences)
    noted: dict[str, object] = {"changes": [*before.changes, _change(found, differences, asked)]}
    if not any(d.kind == "settings" for d in differences):
        noted["plan"] = before.plan
    if isinstance(before, FinishedRecord) and not longer:
        noted = {"sources": asked.sources, "plan": asked.plan, **noted}
        return _finished(found.folder, before.model_copy(update=noted))
    if any(d.kind == "computed" for d in differences):
        noted["computed"] = f"{before.computed} to iteration {found.iteration}, then {asked.computed}"
    if found.is_finished:
        print(f"Its result is kept in {move_result_aside(found.folder)}.", flush=True)
    return Start(asked.model_copy(update=noted), found.checkpoint)


def _change(found: Found, differences: Sequence[Difference], asked: RunRecord) -> Change:
    """Note the differences, and print what a change of length means for the result."""
    exact = all(d.is_length for d in differences) and found.is_exact(asked)
    if any(d.is_length for d in differences):
        what = "equals" if exact else "may differ from"
        print(f"The result {what} that of a training that had this length from the beginning.", flush=True)
    return Change(iteration=found.iteration, exact=exact, before={d.key: d.before for d in differences})


def _finished(out: Path, record: FinishedRecord) -> Start:
    restore_result(out)
    if read_json(out / FINISHED_FILE) != record.content():
        record.write(out / FINISHED_FILE)
        keep_result(out)
    return Start(record)


def _cure(differences: Sequence[Difference]) -> str:
    kinds = sorted({d.kind for d in differences})
    anew = "--anew moves it aside and begins anew"
    if set(kinds) <= {"code", "computed"}:
        return f"{anew}, --keep {' '.join(kinds)} goes on with it"
    return f"{anew}, or give another --out"
