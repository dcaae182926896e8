"""Fork jobs from one process that has imported torch: at demo scale imports take longer than a job's work.

`workflow.jobs.launch` starts the server, which lives as long as its Snakemake, and puts a `python` first on PATH. For
the modules of jobs that `python` is the client below, which asks the server for a fork; for all else it is the real
interpreter. So rules say `python -m eval ...`, and without a server that command is an ordinary process. Only
libraries are imported before the fork, so a job always runs the code that is in the files.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import shlex
import shutil
import signal
import socket
import struct
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

SOCKET = "ENCO_WARM_SOCKET"
JOBS = ("enco.train", "eval", "eval.uncertainty")
"""Modules that are forked where `python -m` names them."""
LIBRARIES = ("torch", "torchvision.models", "pytorch_fid.inception", "piq", "pandas", "PIL.Image", "pydantic", "yaml")
SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that libraries read when they are imported; Snakemake sets them to 1 for jobs of one thread."""
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
LENGTH = struct.Struct("!Q")
STATUS = struct.Struct("!i")
CLIENT = """#!/bin/sh
case "$1 $2" in
{jobs}) shift && exec {python} -m workflow.jobs.forkserver "$@" ;;
*) exec {python} "$@" ;;
esac
"""


def start_server() -> None:
    """Start a server for this process and the jobs below it; put its socket and its `python` into the environment.

    The server ends with this process, also if this process becomes another program or is killed; running jobs are
    left to finish. There is no server where no socket can be made, say because the temporary folder's path is too long,
    or where the disk is full.
    """
    folder = Path(tempfile.mkdtemp(prefix="enco-warm-"))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _write_client(folder / "python")
        listener.bind(str(folder / "socket"))
    except OSError:
        listener.close()
        shutil.rmtree(folder)
        return
    listener.listen()
    alive, held = os.pipe()
    if os.fork() == 0:
        os.close(held)
        _run_and_leave(partial(serve, listener, alive))
    os.close(alive)
    listener.close()
    os.set_inheritable(held, True)
    os.environ[SOCKET] = str(folder / "socket")
    os.environ["PATH"] = os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath)])


def _write_client(path: Path) -> None:
    jobs = " | ".join(f'"-m {module}"' for module in JOBS)
    path.write_text(CLIENT.format(jobs=jobs, python=shlex.quote(sys.executable)))
    path.chmod(0o755)


def serve(listener: socket.socket, alive: int) -> int:
    """Fork a job for each request until `alive`, a pipe, is closed at its other end."""
    os.setsid()  # out of the terminal's reach: its Ctrl-C is for the jobs' clients
    os.environ.update(dict.fromkeys(SINGLE_THREADED, "1"))
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()  # collecting garbage would copy what forks share
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener.fileno(), alive], [], [])
        if alive in ready:
            shutil.rmtree(Path(listener.getsockname()).parent)
            return 0
        client, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            os.close(alive)
            _run_and_leave(partial(run_job, client))
        client.close()


def run_job(client: socket.socket) -> int:
    """Fork the job that a client asks for, pass its signals on, and tell it how the job ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        request, descriptors = receive(client)
    except ConnectionError:  # killed before it had asked
        return 0
    job = os.fork()
    if job == 0:
        client.close()
        _run_and_leave(partial(run_module, request, descriptors))
    for descriptor in descriptors:
        os.close(descriptor)
    ended = threading.Lock()
    threading.Thread(target=_pass_signals, args=(client, job, ended), daemon=True).start()
    os.waitid(os.P_PID, job, os.WEXITED | os.WNOWAIT)
    with ended:  # from here on the job's number may be another process's
        status = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
        with contextlib.suppress(OSError):
            client.sendall(STATUS.pack(status))
        os._exit(0)


def _pass_signals(client: socket.socket, job: int, ended: threading.Lock) -> None:
    """Send the job the signals that arrive; a client that is gone was killed, and so is its job."""
    number = b" "
    while number:
        try:
            number = client.recv(1)
        except OSError:
            number = b""
        with ended:
            os.kill(job, number[0] if number else signal.SIGKILL)


def run_module(request: dict[str, Any], descriptors: list[int]) -> int:
    """Do what `python -m MODULE ...` does with a client's folder, environment and streams; return the exit status."""
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None  # may be another one in this environment
    sys.path[0] = request["folder"]
    sys.argv = ["", *request["words"][1:]]
    try:
        runpy.run_module(request["words"][0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, int | None):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        traceback.print_exc()
        die_of(signal.SIGINT)
    return 0


def _run_and_leave(work: Callable[[], int]) -> None:
    """Do a forked process's work and end the process, with no return and no harm to what other processes share."""
    status = 1
    try:
        status = work()
        threading._shutdown()  # type: ignore[attr-defined]  # waits for the job's threads, as Python does at its end
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)


def receive(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receive a client's request and standard streams; raise ConnectionError for a client that ends before."""
    header, descriptors, _, _ = socket.recv_fds(client, LENGTH.size, 3)
    if len(header) < LENGTH.size:
        raise ConnectionError("no request")
    (length,) = LENGTH.unpack(header)
    content = b""
    while len(content) < length:
        part = client.recv(length - len(content))
        if not part:
            raise ConnectionError("half a request")
        content += part
    return json.loads(content), descriptors


def ask(client: socket.socket, words: list[str]) -> int:
    """Have a connected server run a module, pass signals on to it, and return its status; negative: ended by a signal.

    Raises ConnectionError if the server is gone before that.
    """
    request = {"words": words, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    content = json.dumps(request).encode()

    def forward(number: int, frame: FrameType | None) -> None:
        client.sendall(bytes([number]))

    socket.send_fds(client, [LENGTH.pack(len(content))], [0, 1, 2])
    client.sendall(content)
    for number in FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, forward)
    answer = client.recv(STATUS.size)
    if len(answer) < STATUS.size:
        raise ConnectionError("no answer")
    status: int = STATUS.unpack(answer)[0]
    return status


def die_of(number: int) -> None:
    """End this process by a signal, so that the parent sees the signal."""
    with contextlib.suppress(OSError):  # SIGKILL has no handler to reset
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def main(words: list[str]) -> int:
    """Run a module as a fork of the server or, where there is no server, in this process."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(os.environ[SOCKET])
        except (KeyError, OSError):
            sys.argv = ["", *words[1:]]
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
            return 0
        try:
            status = ask(client, words)
        except ConnectionError:
            print("error: The process that jobs are forked from was killed: call again, to go on.", file=sys.stderr)
            return 1
    if status < 0:
        die_of(-status)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
