"""MLflow as a mirror of the run folders: `python -m enco.tracking init | sync FOLDER | follow RUN_FOLDER | ui`.

The files are the truth. Tracking never fails a training: whatever goes wrong here is one line of warning, and `sync`
brings everything up to date later, into a new store if need be. A command that could not do its work ends with 1.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tenacity import retry, retry_if_not_exception_type, stop_after_attempt, wait_exponential

from enco.config.bounds import Whole
from enco.errors import UserError, run_cli
from enco.io.locks import locked
from enco.tracking.mirror import ARTIFACTS, mirror, without_copies
from enco.training.run_folder import is_held

if TYPE_CHECKING:
    from mlflow import MlflowClient

DEFAULT_STORE = "sqlite:///results/mlflow.db"
SQLITE = "sqlite:///"
SERVER = ("http://", "https://")
ADDRESSES = f"{SQLITE}FILE or http://HOST:PORT"
FOLLOW_SECONDS = 10.0
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # a request that was carried out, its answer lost, would make a second run
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""MLflow does not call home, hang on a dead server, or repeat a request by itself."""
PAGE = "#/experiments?workflowType=machine_learning"
"""MLflow's pages of trainings; by itself it opens those about language models."""
UI_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight processes that only evaluate language models
    "PYTHONSAFEPATH": "true",  # the server starts in the store's folder, which is no place for modules
}


@dataclass(frozen=True)
class Store:
    """An MLflow server, or an SQLite database with its pictures beside it.

    Pictures are found from where the database lies, so a folder that holds both may be moved or copied.
    """

    uri: str
    home: Path | None
    """The database's folder; None for a server, which keeps its own files."""

    @classmethod
    def choose(cls, uri: str | None = None) -> Store:
        """Choose the store asked for, else MLFLOW_TRACKING_URI, else results/mlflow.db."""
        uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_STORE
        if not uri.startswith(SQLITE):
            return cls(uri, None)
        database = Path(uri.removeprefix(SQLITE)).resolve()
        return cls(f"{SQLITE}{database}", database.parent)

    @property
    def name(self) -> str:
        """The address as it may be shown."""
        return without_password(self.uri)

    @property
    def database(self) -> Path | None:
        """The file of an SQLite store."""
        return Path(self.uri.removeprefix(SQLITE)) if self.home else None

    def cure(self, error: Exception) -> str:
        """What helps where opening this store has raised an error; empty where its message says so."""
        if isinstance(error, UserError):
            return ""
        if self.database:
            remade = f"move {self.database.name} away (the run folders hold all of it)"
            return f"make {self.home} a folder that you may write to, or {remade}; then "
        return f"start the MLflow server, or name another store with --store ({ADDRESSES}); then "

    def connect(self) -> MlflowClient:
        """Open the store, making a database that is not there; raises what MLflow raises.

        Raises UserError where no database or server can be meant or MLflow cannot work. Processes that open a fresh
        database at once break it, so they take turns.
        """
        self.check()
        _quieten()
        from mlflow import MlflowClient

        with self._turn():
            client = MlflowClient(self.uri)
            client.search_experiments(max_results=1)
        return client

    def check(self) -> None:
        """Raise UserError where MLflow would stumble over an address, or over its own."""
        if not self.uri.startswith((SQLITE, *SERVER)):
            raise UserError(f"it is no address of a store: name another with --store, {ADDRESSES}")
        if self.database and "?" in self.uri:
            raise UserError("SQLite's addresses end at a '?': name a path without one")
        mlflow = find_spec("mlflow")
        if self.database and mlflow and "%" in str(mlflow.origin):
            raise UserError(
                f"MLflow makes no database from below a path with '%', {mlflow.origin}: install it elsewhere"
            )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        database = self.database
        if database:
            import mlflow.store.tracking.sqlalchemy_store  # noqa: F401  (seconds, for which the others need not wait)

        with locked(database.with_name(f".{database.name}.lock")) if database else nullcontext():
            yield


class Synced(NamedTuple):
    """How many runs a call of `sync` has mirrored, and how many there were."""

    mirrored: int
    runs: int


def sync(store: Store, folder: Path) -> Synced:
    """Mirror every run folder at or under a folder. What cannot be is a warning each.

    A store that does not answer any more ends it: each run would wait for it in vain.
    """
    count, runs = 0, without_copies(run_folders(folder))
    for run in runs:
        try:
            client = store.connect()
        except Exception as error:
            warn(f"cannot open {store.name}", error, store.cure(error) + _again(store, folder))
            break
        count += _mirrored(client, run, store)
    return Synced(count, len(runs))


def follow(store: Store, run_folder: Path, seconds: float = FOLLOW_SECONDS) -> Synced:
    """Mirror a run every so many seconds while a process trains in its folder, and once more when that has ended.

    Where another process follows this run already, it is waited for.
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
    command = [sys.executable, "-m", "enco.tracking.__main__", "follow", str(run_folder)]
    try:
        with (run_folder / "tracking.log").open("w") as log:
            subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    except OSError as error:
        warn(f"cannot follow {run_folder}", error, _again(Store.choose(), run_folder))


def run_folders(folder: Path) -> list[Path]:
    """The run folders at or under a folder, sorted."""
    return sorted(path.parent for path in folder.rglob("config.json") if path.with_name("state.json").exists())


def warn(what: str, error: Exception, cure: str) -> None:
    """Say in one line what tracking could not do, and what to do about it."""
    reason = without_password((str(error).splitlines() or [type(error).__name__])[0])[:300]
    print(f"warning: tracking: {what} ({reason}): {cure}.", flush=True)


def _again(store: Store, folder: Path) -> str:
    command = ["python", "-m", "enco.tracking.__main__", "sync", str(folder)]
    chosen = [] if store == Store.choose() else ["--store", store.name]
    return f"`{shlex.join([*command, *chosen])}` makes up for it"


def without_password(text: str) -> str:
    """A text with the user and password of each address left out."""
    return re.sub(r"//[^/@\s]*@", "//", text)


def _mirrored(client: MlflowClient, run: Path, store: Store) -> bool:
    try:
        _mirror_patiently(client, run, store.home)
    except Exception as error:
        warn(f"cannot mirror {run}", error, _again(store, run))
        return False
    return True


@retry(
    stop=stop_after_attempt(3), wait=wait_exponential(max=5), retry=retry_if_not_exception_type(UserError), reraise=True
)
def _mirror_patiently(client: MlflowClient, run: Path, home: Path | None) -> None:
    mirror(client, run, home)


def _quieten() -> None:
    """Set MLflow's ENVIRONMENT, unless the user has, and let it not tell of database migrations."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ["MLFLOW_ENABLE_ASYNC_LOGGING"] = "false"  # it would hide what failed
    logging.getLogger("alembic").setLevel(logging.WARNING)


def serve(store: Store, port: int) -> None:
    """Become MLflow's own pages on 127.0.0.1: one process that serves the store's runs and pictures.

    Raises UserError where there is nothing to serve or the port is taken.
    """
    store.check()
    if not store.database:
        raise UserError(f"{store.name} serves its own pages: open that address.")
    if not store.database.exists():
        raise UserError(
            f"{store.database} does not exist: `python -m enco.tracking sync FOLDER` makes it from run folders."
        )
    _check_port(port)
    print(f"Open http://127.0.0.1:{port}/{PAGE} in a browser once the server runs.", flush=True)
    os.chdir(store.database.parent)  # addresses in relation to it may hold any character
    address = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    store_address = ["--backend-store-uri", SQLITE + store.database.name, "--artifacts-destination", f"./{ARTIFACTS}"]
    command = [sys.executable, "-m", "mlflow", "ui", *store_address, *address]
    os.execve(sys.executable, command, {**UI_ENVIRONMENT, **os.environ})


def _check_port(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise UserError(
            f"Port {port} of 127.0.0.1 cannot be used ({error.strerror}): choose another, as in `make ui PORT=5001`."
        ) from error


def main() -> int:
    """Run the command line; the exit status is 1 where MLflow could not do what was asked for."""
    arguments = _parser().parse_args()
    store = Store.choose(arguments.store)
    if arguments.command == "ui":
        serve(store, arguments.port)
    if arguments.command == "init":
        return _init(store)
    act = sync if arguments.command == "sync" else follow
    done = act(store, _existing(arguments.folder))
    print(f"{done.mirrored} of {done.runs} runs are mirrored in {store.name}.")
    return 0 if done.mirrored == done.runs else 1


def _init(store: Store) -> int:
    try:
        store.connect()
    except Exception as error:
        warn(f"cannot open {store.name}", error, store.cure(error) + _again(store, Path("FOLDER")))
        return 1
    return 0


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise UserError(f"The folder {folder} does not exist: name a run folder, or one that holds run folders.")
    list(folder.iterdir())  # raises what looking for runs in it would hide
    if not run_folders(folder):
        raise UserError(f"No run lies at or under {folder}: name a run folder, or one that holds run folders.")
    return folder


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m enco.tracking", description="MLflow as a mirror of run folders.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in {
        "init": "open the store once, before many processes use it",
        "sync": "mirror all run folders at or under a folder",
        "follow": "mirror one run until its training ends",
        "ui": "browse the store's runs, on 127.0.0.1",
    }.items():
        command = commands.add_parser(name, help=text)
        if name in ("sync", "follow"):
            command.add_argument("folder", type=Path)
        if name == "ui":
            command.add_argument("--port", type=Whole(1, 65535), default=5000)
        command.add_argument("--store", help="MLflow address (default: MLFLOW_TRACKING_URI, else results/mlflow.db)")
    return parser


if __name__ == "__main__":
    run_cli(main)
