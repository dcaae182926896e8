"""A throw-away PostgreSQL, and an MLflow server that keeps its runs there, on free ports of the loopback."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REQUIRE = "REQUIRE_POSTGRES"
"""Where this is set in the environment, PostgreSQL's absence is a failure and no reason to skip."""
OPTIONS = "-c fsync=off -c unix_socket_directories= -c listen_addresses=127.0.0.1 -c port={port}"
LIGHT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
START_SECONDS = 600


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether one can listen on a port of the loopback."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def programs() -> Path:
    """Return the folder of the newest PostgreSQL's programs; skip the test, or fail, where there are none."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not found:
        say = pytest.fail if os.environ.get(REQUIRE) else pytest.skip
        say("PostgreSQL is not installed: apt-get install postgresql")
    return max(found, key=lambda folder: float(folder.parent.name))


@contextmanager
def postgres() -> Iterator[str]:
    """Run an empty PostgreSQL database, and yield the address that SQLAlchemy takes."""
    folder, port = programs(), free_port()
    with tempfile.TemporaryDirectory(prefix="enco-postgres-") as temporary:
        data = Path(temporary) / "data"
        if os.getuid() == 0:
            shutil.chown(temporary, "postgres", "postgres")
        _as_postgres(folder / "initdb", "-D", data, "-U", "mlflow", "--auth=trust", "--no-sync", "--no-locale")
        control = (folder / "pg_ctl", "-D", data, "-w")
        _as_postgres(*control, "-l", data / "log", "-o", OPTIONS.format(port=port), "start")
        try:
            yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/postgres"
        finally:
            _as_postgres(*control, "-m", "immediate", "stop")


def _as_postgres(*command: str | Path) -> None:
    """Run a program as the user postgres if this is root, as whom PostgreSQL does not run."""
    become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []
    subprocess.run([*become, *map(str, command)], cwd="/", check=True, stdout=subprocess.DEVNULL)


@dataclass
class MlflowServer:
    """`mlflow server` in a process group of its own, which can be killed and started again at the same address."""

    database: str
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", self.database]
        files = ["--serve-artifacts", "--artifacts-destination", str(self.folder / "artifacts")]
        listen = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        environment = os.environ | LIGHT
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *files, *listen], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "server.log").read_text()
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=60) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """Kill it and its workers outright, and wait until its port is free."""
        if not self.process:
            return
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        while not is_free(self.port):
            time.sleep(0.05)
