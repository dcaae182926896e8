"""Keep a training's result under a second name, and move the files of a training aside."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path

from enco.io.files import check_writable
from enco.records import FINISHED, FINISHED_FILE, STARTED_FILE

GENERATOR_FILE = "generator.safetensors"
RESULT = (GENERATOR_FILE, FINISHED_FILE)
FOLDERS = ("checkpoints", FINISHED, "probe", "samples", "snapshots")
SYSTEM_FILE = "system.jsonl"
"""How busy the machine was, written by who follows the training."""
HISTORY_FILE = "history.jsonl"
"""Each start and each end of the training."""
LOGS = ("metrics.jsonl", SYSTEM_FILE, "mlflow.json", HISTORY_FILE)
RUN_FILES = (*RESULT, *FOLDERS, STARTED_FILE, *LOGS)
MOVING = ".earlier"


def move_aside(out: Path) -> Path:
    """Move all that a run's training made into `earlier-<n>`; after a kill the next call goes on with the move."""
    (out / MOVING).mkdir(exist_ok=True)
    aside = finish_moving(out)
    assert aside is not None
    return aside


def finish_moving(out: Path) -> Path | None:
    """Go on with a move that `move_aside` began; None where no move was begun."""
    moving = out / MOVING
    if not moving.is_dir():
        return None
    for made in (out / name for name in RUN_FILES):
        if made.exists():
            made.rename(moving / made.name)
    return moving.rename(_free(out))


def move_result_aside(out: Path) -> Path:
    """Move a result, and nothing else, out of the way of the next."""
    keep_result(out)
    aside = (out / FINISHED).rename(_free(out))
    for name in RESULT:
        (out / name).unlink(missing_ok=True)
    return aside


def keep_result(out: Path) -> None:
    """Give the result a second name in `finished/`."""
    restore_result(out)
    (out / FINISHED).mkdir(exist_ok=True)
    for name in RESULT:
        _second_name(out / name, out / FINISHED / name)


def restore_result(out: Path) -> None:
    """Put the result back where one of the two files was deleted."""
    if not has_result(out):
        for name in RESULT:
            _second_name(out / FINISHED / name, out / name)


def has_result(folder: Path) -> bool:
    """Say whether a folder holds a whole result."""
    return all((folder / name).is_file() for name in RESULT)


def check_outputs(out: Path) -> None:
    """Raise UserError if something that a training writes later could not be written."""
    for path in [*(out / name for name in (*RESULT, "metrics.jsonl")), *(out / name / "any" for name in FOLDERS)]:
        is_new = not path.parent.exists()
        check_writable(path)
        if is_new:
            path.parent.rmdir()


def _free(out: Path) -> Path:
    """Find the first of earlier-1, earlier-2, ... that does not exist."""
    return next(path for number in count(1) if not (path := out / f"earlier-{number}").exists())


def _second_name(path: Path, name: Path) -> None:
    name.unlink(missing_ok=True)
    try:
        name.hardlink_to(path)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, name)
