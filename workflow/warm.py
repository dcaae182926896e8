"""Run Python modules as forks of one process that has imported torch already: `python -m workflow.warm MODULE ...`.

At demo scale a job's imports take longer than its work. `workflow.launch` starts the server, which lives as long as its
Snakemake; where there is none, the module runs in this process. Only libraries are imported before the fork, so a job
always runs the code that is in the files.
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
import signal
import socket
import struct
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

SOCKET = "ENCO_WARM_SOCKET"
LIBRARIES = ("torch", "torchvision.models", "pytorch_fid.inception", "piq", "pandas", "PIL.Image", "pydantic", "yaml")
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
launcher = "python -m workflow.warm" if SOCKET in os.environ else "python -m"
"""What a rule puts before the name of a module that imports torch."""
LENGTH = struct.Struct("!Q")
STATUS = struct.Struct("!i")


def start_server() -> None:
    """Start a server for this process and the jobs below it, and name it in the environment.

    It ends with this process, also if that becomes another program or is killed; running jobs are left to finish.
    """
    folder = Path(tempfile.mkdtemp(prefix="enco-warm-"))
    alive, held = os.pipe()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(folder / "socket"))
    listener.listen()
    if os.fork() == 0:
        os.close(held)
        os.setsid()  # out of the terminal's reach: its Ctrl-C is for the jobs' clients
        leave(serve(listener, alive))
    os.close(alive)
    listener.close()
    os.set_inheritable(held, True)
    os.environ[SOCKET] = str(folder / "socket")


def serve(listener: socket.socket, alive: int) -> int:
    """Fork a job for each request until `alive`, a pipe, is closed at its other end; in a job, returns its status."""
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()  # collecting garbage would copy what forks share
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener.fileno(), alive], [], [])
        if alive in ready:
            break
        client, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            os.close(alive)
            return run_job(client)
        client.close()
    path = Path(listener.getsockname())
    path.unlink()
    path.parent.rmdir()
    return 0


def leave(status: int) -> NoReturn:
    """End a forked process without taking down, at a second's cost, all that it shares with the others."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


def run_job(client: socket.socket) -> int:
    """Fork the job that a client asks for, pass its signals on, and tell it how the job ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, descriptors = receive(client)
    job = os.fork()
    if job == 0:
        client.close()
        return run_module(request, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    threading.Thread(target=_pass_signals, args=(client, job), daemon=True).start()
    status = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
    with contextlib.suppress(OSError):
        client.sendall(STATUS.pack(status))
    return 0


def _pass_signals(client: socket.socket, job: int) -> None:
    """Send the job the signals that arrive; a client that is gone was killed, and so is its job."""
    with contextlib.suppress(OSError):
        while number := client.recv(1):
            os.kill(job, number[0])
        os.kill(job, signal.SIGKILL)


def run_module(request: dict[str, Any], descriptors: list[int]) -> int:
    """Become `python -m MODULE ...` with a client's folder, environment and standard streams; returns the status."""
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[0] = request["folder"]
    sys.argv = ["", *request["words"][1:]]
    try:
        runpy.run_module(request["words"][0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def receive(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """A client's request and its standard streams."""
    header, descriptors, _, _ = socket.recv_fds(client, LENGTH.size, 3)
    (length,) = LENGTH.unpack(header)
    content = b""
    while len(content) < length:
        content += client.recv(length - len(content))
    return json.loads(content), descriptors


def ask(server: str, words: list[str]) -> int:
    """Have a server run a module, pass signals on to it, and return its status; negative for a signal that ended it."""
    request = {"words": words, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    content = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(server)

        def forward(number: int, frame: FrameType | None) -> None:
            client.sendall(bytes([number]))

        socket.send_fds(client, [LENGTH.pack(len(content))], [0, 1, 2])
        client.sendall(content)
        for number in FORWARDED:
            signal.signal(number, forward)
        status: int = STATUS.unpack(client.recv(STATUS.size))[0]
    return status


def main(words: list[str]) -> int:
    """Run a module by the server or, where there is none, in this process."""
    try:
        status = ask(os.environ[SOCKET], words)
    except (KeyError, FileNotFoundError, ConnectionRefusedError):
        sys.argv = ["", *words[1:]]
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        return 0
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
