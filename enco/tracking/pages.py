"""Serve the pages of MLflow for an SQLite store, on this machine alone."""

from __future__ import annotations

import json
import os
import socket
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from enco.errors import UserError
from enco.tracking.artifacts import ARTIFACTS
from enco.tracking.experiments import LOCATION
from enco.tracking.store import SQLITE, Store

if TYPE_CHECKING:
    from fastapi import FastAPI

HOST = "127.0.0.1"
FIRST_SETTINGS = {"mlflow.workflowType_v1": "machine_learning", "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True}
"""What MLflow's pages begin with in a browser that has no other setting: those of trainings, and no chat beside them.

By themselves they open on language models.
"""
FIRST_PAGE = "#/experiments"
SCRIPT = """<script>
for (const [name, value] of Object.entries(%s))
  if (localStorage.getItem(name) === null) localStorage.setItem(name, JSON.stringify(value))
if (!location.hash) location.hash = "%s"
</script>"""
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight processes that only evaluate language models
    "_MLFLOW_SERVER_ARTIFACT_ROOT": LOCATION,
    "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"./{ARTIFACTS}",
    "_MLFLOW_SGI_NAME": "uvicorn",
}
"""What `mlflow ui` tells its server, which is a second process there and starts in twice the time."""


def serve(store: Store, port: int) -> None:
    """Be MLflow's own pages on 127.0.0.1 until a signal: one process that serves the store's runs and files.

    Raises UserError where there is nothing to serve or the port is taken.
    """
    store.check()
    database = store.database
    if not database:
        raise UserError(f"{store.name} serves its own pages: open that address.")
    if not database.exists():
        raise UserError(f"{database} does not exist: `python -m enco.tracking sync FOLDER` makes it from run folders.")
    _check_port(port)
    print(f"Open http://{HOST}:{port} in a browser once the server runs.", flush=True)
    os.chdir(database.parent)  # addresses in relation to it may hold any character
    os.environ.update({**ENVIRONMENT, "_MLFLOW_SERVER_FILE_STORE": SQLITE + database.name} | _users())
    import uvicorn

    uvicorn.run(_app(), host=HOST, port=port)


def _app() -> FastAPI:
    """Return MLflow's server, whose page opens on the list of experiments, unless its reader has chosen otherwise.

    Raises UserError for another MLflow, whose page has no head to say that in.
    """
    import mlflow.server

    with warnings.catch_warnings():  # of MLflow, about Starlette: nothing that a reader of the pages can mend
        warnings.filterwarnings("ignore", "starlette.middleware.wsgi is deprecated")
        from mlflow.server.fastapi_app import app
    from starlette.responses import HTMLResponse
    from starlette.routing import Route

    script = SCRIPT % (json.dumps(FIRST_SETTINGS), FIRST_PAGE)
    page = Path(mlflow.server.__file__).parent / mlflow.server.REL_STATIC_DIR / "index.html"
    before, head, after = page.read_text(encoding="utf-8").partition("<head>")
    if not head:
        raise UserError(
            f"MLflow {mlflow.__version__} has another first page, {page}: `make env` installs the right one."
        )
    app.router.routes.insert(0, Route("/", lambda _: HTMLResponse(f"{before}{head}{script}{after}")))
    return app


def _users() -> dict[str, str]:
    """Return what the user has said otherwise: all but the addresses, which MLflow passes from process to process."""
    return {name: value for name, value in os.environ.items() if name in ENVIRONMENT and not name.startswith("_")}


def _check_port(port: int) -> None:
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise UserError(
            f"Port {port} of {HOST} cannot be used ({error.strerror}): choose another, as in `make ui PORT=5001`."
        ) from error
