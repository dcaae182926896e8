"""What a training finds in its folder: nothing, itself half-done or finished, or one that was made otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from enco.errors import UserError
from enco.io.files import check_writable, read_json, write_json
from enco.training.checkpoint import Checkpoint, CheckpointFolder
from enco.training.identity import LENGTH, Difference, OnChange, Values, code_differences, setting_differences

RESULT = ("generator.safetensors", "run.json")
FINISHED = "finished"
"""Folder with a second name (hard link) of the result: Snakemake deletes outputs before it runs a job again."""
RUN_FILES = (*RESULT, FINISHED, "checkpoints", "metrics.jsonl", "samples", "snapshots", "config.json", "mlflow.json")
MOVING = ".earlier"
RECORDED = frozenset({"settings", "sources", "data_hash", "pieces", "plan", "computed", "changes"})
"""What every record of a training says."""

About = dict[str, Any]
"""What config.json, run.json and checkpoints say of a training."""


@dataclass(frozen=True)
class Found:
    """An earlier training of a folder."""

    about: About
    iteration: int
    is_finished: bool
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True)
class Start:
    """Where a training starts: finished already, at a checkpoint, or at nothing."""

    about: About
    checkpoint: Checkpoint | None = None
    is_finished: bool = False


def find_start(checkpoints: CheckpointFolder, asked: About, defaults: Values, total: int, policy: OnChange) -> Start:
    """Compare what is asked for with what a run's folder holds, and say where to start.

    Goes on, says so and notes it in `changes`, where only the length differs and either grows or has not mattered yet,
    and where only what the policy keeps differs. `total`: iterations asked for. Raises UserError, which names every
    difference, where the policy is to stop. Only for who holds the run's lock.
    """
    out = checkpoints.folder.parent
    if aside := finish_moving(out):
        print(f"What a killed call was moving aside is in {aside}.", flush=True)
    checkpoints.clear_leftovers()
    found = find(checkpoints)
    if found is None:
        return Start(asked)
    differences = compare(found.about, asked, defaults)
    if found.is_finished and any(d.key in LENGTH for d in differences):
        found = replace(found, checkpoint=checkpoints.of_iteration(found.iteration))
    elif found.is_finished:  # on what another machine would compute it does not matter
        differences = [d for d in differences if d.kind != "computed"]
    if not differences:
        about = found.about if found.is_finished else {**asked, **_carried(found.about)}
        return _finished(out, about) if found.is_finished else Start(about, found.checkpoint)
    if _may_go_on(found, differences, asked, total, policy):
        return _go_on(out, found, asked, differences)
    if policy.anew:
        aside = move_aside(out)
        print(f"{out} held {_told(found, differences)}: moved to {aside}, training begins anew.", flush=True)
        return Start(asked)
    raise UserError(f"{out} holds {_told(found, differences)}: {_cure(differences)}.")


def find(checkpoints: CheckpointFolder) -> Found | None:
    """The training of a run's folder, by its result or else its newest checkpoint; None if it has neither."""
    out = checkpoints.folder.parent
    for folder in (out, out / FINISHED):
        if all((folder / name).is_file() for name in RESULT):
            record = read_about(folder / "run.json", RECORDED | {"iterations"})
            return Found(record, record["iterations"], is_finished=True)
    checkpoint = checkpoints.newest()
    return Found(checkpoint.about, checkpoint.iteration, False, checkpoint) if checkpoint else None


def read_about(path: Path, needed: frozenset[str] = RECORDED) -> About:
    """Read what a file of a run's folder says of its training; UserError if that is not all that is needed."""
    about = read_json(path)
    if not isinstance(about, dict) or (missing := needed - about.keys()):
        lacks = f"it has no '{min(missing)}'" if isinstance(about, dict) else "it is no mapping"
        raise UserError(
            f"{path} is no record of a training by this version ({lacks}): move {path.parent} away, and run again."
        )
    return about


def compare(before: About, asked: About, defaults: Values) -> list[Difference]:
    """All that decides the weights and differs between two trainings."""
    images = [Difference("images", "data", before["data_hash"], asked["data_hash"])]
    pieces = setting_differences(_computed(before), _computed(asked), {})
    if before["settings"]["method"] != asked["settings"]["method"]:
        return [Difference("settings", "method", before["settings"]["method"], asked["settings"]["method"])]
    return [
        *setting_differences(before["settings"], asked["settings"], defaults),
        *(images if before["data_hash"] != asked["data_hash"] else []),
        *code_differences(before["sources"], asked["sources"]),
        *(Difference("computed", piece.key, piece.before, piece.asked) for piece in pieces),
    ]


def is_shared(before: Values, asked: Values, epoch: int) -> bool:
    """Whether schedules of two lengths are the same up to the end of an epoch: then it lies in both constant parts.

    One epoch less where the rate decays, which some methods let begin early.
    """
    if all(before[key] == asked[key] for key in ("train.n_const", "train.n_decay")):
        return True
    decays = before["train.n_decay"] or asked["train.n_decay"]
    return epoch <= min(before["train.n_const"], asked["train.n_const"]) - bool(decays)


def move_aside(out: Path) -> Path:
    """Move all that a run's training made into `earlier-<n>`; after a kill the next call goes on with it."""
    (out / MOVING).mkdir(exist_ok=True)
    aside = finish_moving(out)
    assert aside is not None
    return aside


def finish_moving(out: Path) -> Path | None:
    """Go on with what `move_aside` began, if it did."""
    moving = out / MOVING
    if not moving.is_dir():
        return None
    for made in (out / name for name in RUN_FILES):
        if made.exists():
            made.rename(moving / made.name)
    return moving.rename(_free(out))


def keep_result(out: Path) -> None:
    """Give the result its second name."""
    restore_result(out)
    (out / FINISHED).mkdir(exist_ok=True)
    for name in RESULT:
        _second_name(out / name, out / FINISHED / name)


def check_outputs(out: Path) -> None:
    """Raise UserError if something that a training writes later could not be written."""
    folders = ("checkpoints", FINISHED, "samples", "snapshots")
    for path in [*(out / name for name in (*RESULT, "metrics.jsonl")), *(out / name / "any" for name in folders)]:
        is_new = not path.parent.exists()
        check_writable(path)
        if is_new:
            path.parent.rmdir()


def restore_result(out: Path) -> None:
    """Put the result back where one of its files was deleted."""
    if not all((out / name).is_file() for name in RESULT):
        for name in RESULT:
            _second_name(out / FINISHED / name, out / name)


def _free(out: Path) -> Path:
    """The first of earlier-1, earlier-2, ... that is not there."""
    return next(path for number in count(1) if not (path := out / f"earlier-{number}").exists())


def _second_name(path: Path, name: Path) -> None:
    name.unlink(missing_ok=True)
    try:
        name.hardlink_to(path)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, name)


def _computed(about: About) -> dict[str, Any]:
    return {f"computed.{name}": value for name, value in about["pieces"].items()}


def _carried(before: About) -> About:
    return {"plan": before["plan"], "computed": before["computed"], "changes": before["changes"]}


def _may_go_on(found: Found, differences: Sequence[Difference], asked: About, total: int, policy: OnChange) -> bool:
    """Whether all that differs is the training's length or something to keep."""
    others = [d for d in differences if d.key not in LENGTH and d.kind not in policy.keep]
    longer = any(d.key in LENGTH for d in differences)
    if others or (longer and (found.checkpoint is None or total < found.iteration)):
        return False
    return not longer or _is_exact(found, asked) or (_epochs(asked) > _epochs(found.about) and not policy.anew)


def _epochs(about: About) -> int:
    epochs: int = about["settings"]["train.n_const"] + about["settings"]["train.n_decay"]
    return epochs


def _is_exact(found: Found, asked: About) -> bool:
    epoch = found.checkpoint.method["epoch"] if found.checkpoint else 0
    return is_shared(found.about["settings"], asked["settings"], epoch)


def _go_on(out: Path, found: Found, asked: About, differences: Sequence[Difference]) -> Start:
    """Start at what was found, noting and saying what differs from here on."""
    print(f"Going on with {_told(found, differences)}.", flush=True)
    about = {**asked, "changes": [*found.about["changes"], _change(found, asked, differences)]}
    if not any(d.kind == "settings" for d in differences):
        about["plan"] = found.about["plan"]
    if any(d.kind == "computed" for d in differences):
        about["computed"] = f"{found.about['computed']} to iteration {found.iteration}, then {asked['computed']}"
    if not found.is_finished:
        return Start(about, found.checkpoint)
    if any(d.key in LENGTH for d in differences):
        print(f"Its result is kept in {_put_by(out)}.", flush=True)
        return Start(about, found.checkpoint)
    return _finished(out, {**found.about, **{key: about[key] for key in ("sources", "plan", "changes")}})


def _change(found: Found, asked: About, differences: Sequence[Difference]) -> dict[str, Any]:
    """What a record says of a training that goes on otherwise than it began."""
    exact = all(d.key in LENGTH for d in differences) and _is_exact(found, asked)
    if any(d.key in LENGTH for d in differences):
        what = "equals" if exact else "may differ from"
        print(f"The result {what} that of a training that had this length from the beginning.", flush=True)
    return {"iteration": found.iteration, "exact": exact, "before": {d.key: d.before for d in differences}}


def _finished(out: Path, about: About) -> Start:
    restore_result(out)
    if read_json(out / "run.json") != about:
        write_json(out / "run.json", about)
        keep_result(out)
    return Start(about, is_finished=True)


def _put_by(out: Path) -> Path:
    """Move a result, and nothing else, out of the way of the next."""
    keep_result(out)
    aside = (out / FINISHED).rename(_free(out))
    for name in RESULT:
        (out / name).unlink(missing_ok=True)
    return aside


def _listed(differences: Sequence[Difference]) -> str:
    return ", ".join(str(difference) for difference in differences)


def _told(found: Found, differences: Sequence[Difference]) -> str:
    what = "a finished training" if found.is_finished else f"a training at iteration {found.iteration}"
    return f"{what} that was made otherwise ({_listed(differences)})"


def _cure(differences: Sequence[Difference]) -> str:
    kept = sorted({d.kind for d in differences})
    anew = "--anew moves it aside and begins anew"
    if set(kept) <= {"code", "computed"}:
        return f"{anew}, --keep {' '.join(kept)} goes on with it"
    return f"{anew}, or give another --out"
