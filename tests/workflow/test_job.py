"""Jobs that are forks of a process with the libraries imported behave as processes of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from workflow.jobs.forkserver import SOCKET

STARTER = """
import os, sys
from workflow.jobs import forkserver as job
job.LIBRARIES = ("colorsys",)
job.start_server()
print(os.environ[job.SOCKET], flush=True)
sys.stdin.read()
"""
JOB = """
import os, sys, tempfile, threading, time
print(sys.argv[1:], os.environ.get("WORD"), "colorsys" in sys.modules, os.path.basename(os.getcwd()))
print("to stderr", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""
ENDINGS = {
    "message": ("sys.exit('in words')", 1, "", "in words"),
    "thread": ("threading.Thread(target=lambda: (time.sleep(0.3), print('late'))).start()", 0, "late", ""),
    "folder": ("print(tempfile.gettempdir())", 0, "{folder}", ""),
    "interrupt": ("raise KeyboardInterrupt", -signal.SIGINT, "", "KeyboardInterrupt"),
    "killed": ("os.kill(os.getpid(), 9)", -signal.SIGKILL, "", ""),
    "threads": ("print(os.environ.get('OMP_NUM_THREADS'))", 0, "None", ""),
}
"""Python that a job runs, and its status, output and errors, which are those of `python -m` as well."""
WAITING = """
import pathlib, signal, sys, time
signal.signal(signal.SIGUSR2, lambda *_: sys.exit(75))
pathlib.Path("pid").write_text(str(__import__("os").getpid()))
time.sleep(600)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A server whose life hangs on this process; `tmp_path` has the modules job and waiting."""
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "waiting.py").write_text(WAITING)
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout
    os.environ[SOCKET] = starter.stdout.readline().strip()
    yield starter
    del os.environ[SOCKET]
    starter.kill()
    starter.communicate()


def start(folder: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "workflow.jobs.forkserver", *words],
        **{"cwd": folder, "env": {**os.environ, **environment}, "text": True},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE},
    )


def write_eval(folder: Path) -> None:
    """A package of the name of ours, whose main is a job of these tests."""
    (folder / "eval").mkdir()
    (folder / "eval" / "__init__.py").touch()
    (folder / "eval" / "__main__.py").write_text(JOB)


def job_of(folder: Path) -> psutil.Process:
    """The waiting job, once it waits."""
    deadline = time.monotonic() + 120
    while not (folder / "pid").exists() or not (folder / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return psutil.Process(int((folder / "pid").read_text()))


def test_a_job_has_its_clients_arguments_folder_environment_streams_and_status(
    server: subprocess.Popen[str], tmp_path: Path
) -> None:
    for status in (0, 3):
        job = start(tmp_path, "job", str(status), WORD="given")
        out, err = job.communicate(timeout=120)
        assert out == f"['{status}'] given True {tmp_path.name}\n"
        assert err == "to stderr\n"
        assert job.returncode == status


def test_a_job_that_raises_prints_its_traceback(server: subprocess.Popen[str], tmp_path: Path) -> None:
    job = start(tmp_path, "job")
    _, err = job.communicate(timeout=120)
    assert job.returncode == 1 and "IndexError" in err


@pytest.mark.parametrize("served", [True, False])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_job_ends_as_a_process_of_its_own_does(
    server: subprocess.Popen[str], tmp_path: Path, ending: str, served: bool
) -> None:
    code, status, printed, error = ENDINGS[ending]
    (tmp_path / "ending.py").write_text(f"import os, sys, tempfile, threading, time\n{code}\n")
    address = os.environ[SOCKET] if served else ""
    job = start(tmp_path, "ending", TMPDIR=str(tmp_path), **{SOCKET: address})
    out, err = job.communicate(timeout=120)
    assert job.returncode == status
    assert out.strip() == printed.format(folder=tmp_path)
    assert error in err


def test_python_on_the_path_forks_jobs_and_is_the_interpreter_for_all_else(
    server: subprocess.Popen[str], tmp_path: Path
) -> None:
    """The server's `python` lies beside its socket; colorsys is imported in its forks alone."""
    write_eval(tmp_path)
    path = f"{Path(os.environ[SOCKET]).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "WORD": "a b"}

    def printed(command: str) -> str:
        run = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert run.returncode == 3, run.stderr
        return run.stdout

    assert printed("python -m eval 3 'x  y'") == f"['3', 'x  y'] a b True {tmp_path.name}\n"
    assert printed("python -m job 3 'x  y'") == f"['3', 'x  y'] a b False {tmp_path.name}\n"
    assert printed("python -c 'import sys; print(sys.executable); sys.exit(3)'") == f"{sys.executable}\n"


def test_a_client_without_its_server_is_an_ordinary_process(server: subprocess.Popen[str], tmp_path: Path) -> None:
    """As on another machine of a cluster, to which the address comes with the environment."""
    write_eval(tmp_path)
    client = Path(os.environ[SOCKET]).parent / "python"
    environment = {**os.environ, SOCKET: str(tmp_path / "gone")}
    done = subprocess.run([client, "-m", "eval", "3"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, f"['3'] None False {tmp_path.name}\n")


@pytest.mark.parametrize("said", [b"", b"\0" * 7 + b"\x09half"])
def test_a_client_that_dies_while_asking_leaves_nothing_running(
    server: subprocess.Popen[str], tmp_path: Path, said: bytes
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(os.environ[SOCKET])
        client.sendall(said)
    job = start(tmp_path, "job", "0")
    job.communicate(timeout=120)
    assert job.returncode == 0
    (process,) = psutil.Process(server.pid).children()
    deadline = time.monotonic() + 120
    while process.children():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_where_no_socket_can_be_made_there_is_no_server(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    code = "import os; from workflow.jobs.forkserver import *; start_server(); assert SOCKET not in os.environ"
    environment = {key: value for key, value in os.environ.items() if key != SOCKET}
    subprocess.run([sys.executable, "-c", code], env={**environment, "TMPDIR": str(deep)}, check=True)
    assert not list(deep.iterdir())


def test_where_no_file_can_be_written_there_is_no_server(tmp_path: Path) -> None:
    """As on a full disk, where a socket can still be made."""
    code = "import os, resource; resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16)); path = os.environ['PATH']; "
    code += "from workflow.jobs.forkserver import *; start_server(); assert os.environ['PATH'] == path"
    environment = {key: value for key, value in os.environ.items() if key != SOCKET}
    command = [sys.executable, "-B", "-c", code]
    done = subprocess.run(command, env={**environment, "TMPDIR": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())


def test_without_a_server_the_module_runs_in_the_same_process(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(JOB)
    for environment in ({}, {SOCKET: str(tmp_path / "gone")}):
        job = start(tmp_path, "job", "4", **environment)
        out, _ = job.communicate(timeout=120)
        assert out == f"['4'] None False {tmp_path.name}\n" and job.returncode == 4


@pytest.mark.parametrize(("number", "status"), [(signal.SIGUSR2, 75), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_to_the_client_is_one_to_the_job(
    server: subprocess.Popen[str], tmp_path: Path, number: signal.Signals, status: int
) -> None:
    client = start(tmp_path, "waiting")
    job = job_of(tmp_path)
    client.send_signal(number)
    client.communicate(timeout=120)
    assert client.returncode == status
    assert not job.is_running()


def test_a_killed_clients_job_is_killed(server: subprocess.Popen[str], tmp_path: Path) -> None:
    client = start(tmp_path, "waiting")
    job = job_of(tmp_path)
    client.kill()
    client.communicate()
    job.wait(timeout=120)


def test_a_killed_starter_ends_the_server_and_leaves_jobs_alone(server: subprocess.Popen[str], tmp_path: Path) -> None:
    address = Path(os.environ[SOCKET])
    client = start(tmp_path, "waiting")
    job = job_of(tmp_path)
    server.kill()
    deadline = time.monotonic() + 120
    while address.parent.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert job.is_running()
    client.terminate()
    client.communicate(timeout=120)
    assert client.returncode == -signal.SIGTERM
