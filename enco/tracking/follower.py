"""Mirror run folders into a store: all of them once, or one of them while a process trains in the folder."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tenacity import retry, retry_if_not_exception_type, stop_after_attempt, wait_exponential

from enco.errors import UserError
from enco.io.locks import locked
from enco.tracking.mirror import mirror
from enco.tracking.run_reader import run_folders, without_copies
from enco.tracking.store import Store, without_password
from enco.training.run_folder import is_held

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLLOW_SECONDS = 10.0


class Synced(NamedTuple):
    """The number of runs that a call of `sync` has mirrored, and of those that were found."""

    mirrored: int
    runs: int


def sync(store: Store, folder: Path) -> Synced:
    """Mirror every run folder at or under a folder. What cannot be is a warning each.

    A store that does not answer any more ends the call: each run would wait for it in vain.
    """
    count, runs = 0, without_copies(run_folders(folder))
    for run in runs:
        client = connect(store, folder)
        if client is None:
            break
        count += _mirrored(client, run, store)
    return Synced(count, len(runs))


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
        while is_held(run_folder):
            sync(store, run_folder)
            again = time.monotonic() + seconds
            while time.monotonic() < again and is_held(run_folder):
                time.sleep(min(1.0, seconds))
        return sync(store, run_folder)


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
    reason = without_password((str(error).splitlines() or [type(error).__name__])[0])[:300]
    print(f"warning: tracking: {what} ({reason}): {cure}.", flush=True)


def _cure(store: Store, folder: Path) -> str:
    command = ["python", "-m", "enco.tracking", "sync", str(folder)]
    chosen = [] if store == Store.choose() else ["--store", store.name]
    return f"`{shlex.join([*command, *chosen])}` makes up for it"


def _mirrored(client: MlflowClient, run: Path, store: Store) -> bool:
    try:
        mirror_patiently(client, run, store.home)
    except Exception as error:
        warn(f"cannot mirror {run}", error, _cure(store, run))
        return False
    return True


@retry(
    stop=stop_after_attempt(3), wait=wait_exponential(max=5), retry=retry_if_not_exception_type(UserError), reraise=True
)
def mirror_patiently(client: MlflowClient, run: Path, home: Path | None) -> None:
    """Mirror a run, trying three times where the store fails."""
    mirror(client, run, home)
