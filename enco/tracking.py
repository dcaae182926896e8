"""MLflow as a mirror of the run folders: `python -m enco.tracking init | sync FOLDER | follow RUN_FOLDER`.

The files are the truth. Tracking never fails a training: whatever goes wrong here is one line of warning, and `sync`
brings everything up to date later, into a new store if need be.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from tenacity import retry, retry_if_not_exception_type, stop_after_attempt, wait_exponential

from enco.errors import UserError, run_cli
from enco.mirror import mirror
from enco.runfolder import is_held

if TYPE_CHECKING:
    from mlflow import MlflowClient

DEFAULT_STORE = "sqlite:///results/mlflow.db"
SQLITE = "sqlite:///"
FOLLOW_SECONDS = 10.0


@dataclass(frozen=True)
class Store:
    """An MLflow server or database, and where experiments that are made in it keep their files."""

    uri: str
    artifacts: str | None

    @classmethod
    def choose(cls, uri: str | None = None, artifacts: Path | None = None) -> Store:
        """The store asked for, else MLFLOW_TRACKING_URI, else results/mlflow.db; a server keeps its own files."""
        uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_STORE
        if uri.startswith(SQLITE):
            database = Path(uri.removeprefix(SQLITE)).resolve()
            uri, artifacts = f"{SQLITE}{database}", artifacts or database.with_name("mlartifacts")
        return cls(uri, artifacts.resolve().as_uri() if artifacts else None)

    @property
    def name(self) -> str:
        """The address as it may be shown."""
        return without_password(self.uri)

    def connect(self) -> MlflowClient:
        """Open the store, making a database that is not there; raises what MLflow raises.

        Processes that open a fresh database at once break it, so they take turns.
        """
        _quieten()
        from mlflow import MlflowClient

        with self._turn():
            client = MlflowClient(self.uri)
            client.search_experiments(max_results=1)
        return client

    @contextmanager
    def _turn(self) -> Iterator[None]:
        database = Path(self.uri.removeprefix(SQLITE)) if self.uri.startswith(SQLITE) else None
        if database:
            import mlflow.store.tracking.sqlalchemy_store  # noqa: F401  (seconds, for which the others need not wait)

            database.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(database.with_name(f".{database.name}.lock")) if database else nullcontext():
            yield


def sync(store: Store, folder: Path) -> int:
    """Mirror every run folder at or under a folder; returns how many were. What cannot be is a warning each.

    A store that does not answer any more ends it: each run would wait for it in vain.
    """
    count = 0
    for run in run_folders(folder):
        try:
            client = store.connect()
        except Exception as error:
            warn(f"cannot open {store.name}", error)
            break
        count += _mirrored(client, run, store.artifacts)
    return count


def follow(store: Store, run_folder: Path, seconds: float = FOLLOW_SECONDS) -> None:
    """Mirror a run every so many seconds while a process trains in its folder, and once more when that has ended.

    Where another process follows this run already, it is waited for.
    """
    with FileLock(run_folder / ".follow.lock"):
        while is_held(run_folder):
            sync(store, run_folder)
            again = time.monotonic() + seconds
            while time.monotonic() < again and is_held(run_folder):
                time.sleep(min(1.0, seconds))
        sync(store, run_folder)


def start_follower(run_folder: Path) -> None:
    """Follow a run from a process of its own, so that a slow or dead server cannot slow the training."""
    command = [sys.executable, "-m", "enco.tracking", "follow", str(run_folder)]
    with (run_folder / "tracking.log").open("w") as log:
        subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


def run_folders(folder: Path) -> list[Path]:
    """The run folders at or under a folder, sorted."""
    return sorted(path.parent for path in folder.rglob("config.json") if path.with_name("state.json").exists())


def warn(what: str, error: Exception) -> None:
    """Say in one line what tracking could not do."""
    reason = without_password((str(error).splitlines() or [type(error).__name__])[0])[:300]
    print(f"warning: tracking: {what} ({reason}); `python -m enco.tracking sync` makes up for it.", flush=True)


def without_password(text: str) -> str:
    """A text with the user and password of each address left out."""
    return re.sub(r"//[^/@\s]*@", "//", text)


def _mirrored(client: MlflowClient, run: Path, artifacts: str | None) -> bool:
    try:
        _mirror_patiently(client, run, artifacts)
    except Exception as error:
        warn(f"cannot mirror {run}", error)
        return False
    return True


@retry(
    stop=stop_after_attempt(3), wait=wait_exponential(max=5), retry=retry_if_not_exception_type(UserError), reraise=True
)
def _mirror_patiently(client: MlflowClient, run: Path, artifacts: str | None) -> None:
    mirror(client, run, artifacts)


def _quieten() -> None:
    """Ask MLflow not to call home, not to hang on a dead server, and not to tell of database migrations.

    Nor to repeat a request by itself: one that was carried out, its answer lost, would make a second run.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ["MLFLOW_ENABLE_ASYNC_LOGGING"] = "false"  # it would hide what failed
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    logging.getLogger("alembic").setLevel(logging.WARNING)


def main() -> int:
    """Run the command line. What MLflow cannot do is said, and is no failure."""
    arguments = _parser().parse_args()
    store = Store.choose(arguments.store, arguments.artifacts)
    if arguments.command == "sync":
        count = sync(store, _existing(arguments.folder))
        print(f"{count} runs are mirrored in {store.name}.")
    elif arguments.command == "follow":
        follow(store, _existing(arguments.folder))
    else:
        try:
            store.connect()
        except Exception as error:
            warn(f"cannot open {store.name}", error)
    return 0


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise UserError(f"The folder {folder} does not exist: name a run folder, or one that holds run folders.")
    return folder


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m enco.tracking", description="MLflow as a mirror of run folders.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in {
        "init": "open the store once, before many processes use it",
        "sync": "mirror all run folders at or under a folder",
        "follow": "mirror one run until its training ends",
    }.items():
        command = commands.add_parser(name, help=text)
        if name != "init":
            command.add_argument("folder", type=Path)
        command.add_argument("--store", help="MLflow address (default: MLFLOW_TRACKING_URI, else results/mlflow.db)")
        command.add_argument("--artifacts", type=Path, help="folder for files (default: beside the database)")
    return parser


if __name__ == "__main__":
    run_cli(main)
