"""Mirror run folders into a store: all of them once, or one of them while a process trains in the folder."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tenacity import retry, retry_if_exception, stop_after_attempt, wait_exponential

from enco.errors import UserError
from enco.io.locks import locked
from enco.tracking.mirror import mirror
from enco.tracking.run_reader import run_folders, without_copies
from enco.tracking.store import Store, without_password
from enco.tracking.system_metrics import SystemLog
from enco.tracking.tables import mirror_tables
from enco.training.run_folder import is_held

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLLOW_SECONDS = 10.0
LASTING = (UserError, PermissionError, AttributeError, TypeError)
"""Errors that another attempt meets again: of the user, of rights, and of this code."""


class Synced(NamedTuple):
    """The number of runs that a call of `sync` has mirrored, and of those that were found."""

    mirrored: int
    runs: int


def sync(store: Store, folder: Path, logs: str = "") -> Synced:
    """Mirror every run folder at or under a folder, with what trainings printed (`logs`, as `mirror` takes it).

    What cannot be mirrored is a warning each. A store that does not answer any more, or permits no writing, ends the
    call: each run would meet the same.
    """
    count, runs = 0, without_copies(run_folders(folder))
    for run in runs:
        client = connect(store, folder)
        if client is None:
            break
        failure = _failure(run, _cure(store, run), partial(mirror_patiently, client, run, store.home, logs))
        if failure and is_refused(failure):
            break
        count += failure is None
    return Synced(count, len(runs))


def sync_tables(store: Store, folder: Path) -> bool:
    """Mirror a folder of tables, whose runs are mirrored; False, with a warning, where that cannot be."""
    client = connect(store, folder)
    if client is None:
        return False
    cure = _cure(store, folder, "--tables")
    return _failure(folder, cure, partial(mirror_tables, client, folder, store.home)) is None


def connect(store: Store, folder: Path) -> MlflowClient | None:
    """Open a store for what lies in a folder; None, with a warning, where the store does not open."""
    try:
        return store.connect()
    except Exception as error:
        warn(f"cannot open {store.name}", error, store.cure(error) + _cure(store, folder))
        return None


def follow(store: Store, run_folder: Path, seconds: float = FOLLOW_SECONDS) -> Synced:
    """Mirror a run every so many seconds while a process trains in its folder, and once more when that has ended.

    Where another process follows this run already, wait for that process first.
    """
    with locked(run_folder / ".follow.lock"):
        load = _system_log(run_folder)
        while is_held(run_folder):
            load = _measured(load)
            sync(store, run_folder)
            again = time.monotonic() + seconds
            while time.monotonic() < again and is_held(run_folder):
                time.sleep(min(1.0, seconds))
        return sync(store, run_folder)


def _system_log(run_folder: Path) -> SystemLog | None:
    try:
        return SystemLog(run_folder)
    except ImportError as error:  # of MLflow, of which `sync` says more
        warn("cannot measure the machine", error, "install this project with MLflow")
        return None


def _measured(load: SystemLog | None) -> SystemLog | None:
    """Write a line of the machine's load; None after a warning where that cannot be done, so that it is said once."""
    try:
        if load:
            load.write()
    except Exception as error:
        warn("cannot go on to measure the machine", error, "the run is followed without its system metrics")
        return None
    return load


def start_follower(run_folder: Path) -> None:
    """Follow a run from a process of its own, so that a slow or dead server cannot slow the training.

    Where no process can be started, that is a warning.
    """
    command = [sys.executable, "-m", "enco.tracking", "follow", str(run_folder)]
    try:
        with (run_folder / "tracking.log").open("w") as log:
            subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    except OSError as error:
        warn(f"cannot follow {run_folder}", error, _cure(Store.choose(), run_folder))


def warn(what: str, error: Exception, cure: str) -> None:
    """Say in one line what tracking could not do, and what to do about it."""
    reason = without_password((str(error).splitlines() or [type(error).__name__])[0])
    if not isinstance(error, UserError):  # which is short, and ends with a command
        reason = reason[:300]
    print(f"warning: tracking: {what} ({reason}): {cure}.", flush=True)


def _cure(store: Store, folder: Path, option: str = "") -> str:
    command = ["python", "-m", "enco.tracking", "sync", *filter(None, [option]), str(folder)]
    chosen = [] if store == Store.choose() else ["--store", store.name]
    return f"`{shlex.join([*command, *chosen])}` makes up for it"


def _failure(folder: Path, cure: str, act: Callable[[], object]) -> Exception | None:
    """Return what went wrong with mirroring a folder, after a warning."""
    try:
        act()
    except Exception as error:
        warn(f"cannot mirror {folder}", error, cure)
        return error
    return None


def is_refused(error: BaseException) -> bool:
    """Say whether an error is a server's refusal: who asks has no permission, and gets none by asking again."""
    status = getattr(error, "get_http_status_code", None)
    answer = status() if status else getattr(getattr(error, "response", None), "status_code", None)
    return answer in (401, 403)


def _may_pass(error: BaseException) -> bool:
    return not isinstance(error, LASTING) and not is_refused(error)


@retry(stop=stop_after_attempt(3), wait=wait_exponential(max=5), retry=retry_if_exception(_may_pass), reraise=True)
def mirror_patiently(client: MlflowClient, run: Path, home: Path | None, logs: str = "") -> None:
    """Mirror a run, trying three times where the store fails."""
    mirror(client, run, home, logs)
