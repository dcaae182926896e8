"""Open the store of MLflow: a server, or an SQLite database with the files of its runs beside."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from enco.errors import UserError
from enco.io.locks import locked
from enco.tracking.experiments import hide_default

if TYPE_CHECKING:
    from mlflow import MlflowClient

DEFAULT_STORE = "sqlite:///results/mlflow.db"
SQLITE = "sqlite:///"
SERVER = ("http://", "https://")
ADDRESSES = f"{SQLITE}FILE or http://HOST:PORT"
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # a request that was carried out, its answer lost, would make a second run
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""MLflow does not call home, hang on a dead server, or repeat a request by itself."""


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
        """Say what helps where opening this store has raised an error; empty where the error's message says so."""
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
        set_environment()
        from mlflow import MlflowClient

        with self._turn():
            client = MlflowClient(self.uri)
            if self.database:
                hide_default(client)
            else:
                client.search_experiments(max_results=1)
        return client

    def check(self) -> None:
        """Raise UserError for an address that MLflow cannot use, the store's or that of MLflow itself."""
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


def without_password(text: str) -> str:
    """Leave out of a text the user and password of each address."""
    return re.sub(r"//[^/@\s]*@", "//", text)


def set_environment() -> None:
    """Set MLflow's ENVIRONMENT, unless the user has, and silence messages about database migrations."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ["MLFLOW_ENABLE_ASYNC_LOGGING"] = "false"  # it would hide what failed
    logging.getLogger("alembic").setLevel(logging.WARNING)
