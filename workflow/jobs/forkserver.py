"""Run a Python module as a job: `python -m workflow.jobs.forkserver MODULE ...` does what `python -m MODULE ...` does.

At demo scale a job's imports take longer than its work. So `workflow.jobs.launch` starts a server that imports torch
once and forks a process for each job; it lives as long as its Snakemake. Where there is none, the module runs in this
process. Only libraries are imported before the fork, so a job always runs the code that is in the files.
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
LIBRARIES = ("torch", "torchvision.models", "pytorch_fid.inception", "piq", "pandas", "PIL.Image", "pydantic", "yaml")
SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Read by libraries when they are imported; Snakemake sets them so for jobs of one thread, which these are."""
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
LENGTH = struct.Struct("!Q")
STATUS = struct.Struct("!i")


def start_server() -> None:
    """Start a server for this process and the jobs below it, and name it in the environment.

    It ends with this process, also if that becomes another program or is killed; running jobs are left to finish.
    Where no socket can be made, say because the temporary folder's path is too long, there is none.
    """
    folder = Path(tempfile.mkdtemp(prefix="enco-warm-"))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
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
    """Do what `python -m MODULE ...` does with a client's folder, environment and streams; returns the exit status."""
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
    """Do a forked process's work and end it: it never returns, and takes nothing down that it shares with others."""
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
    """A client's request and its standard streams; ConnectionError if it ends before it has said all."""
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
    """End this process by a signal, so that its parent sees that."""
    with contextlib.suppress(OSError):  # SIGKILL has no handler to reset
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def main(words: list[str]) -> int:
    """Run a module by the server or, where there is none, in this process."""
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
