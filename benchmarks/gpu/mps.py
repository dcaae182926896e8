"""The Multi-Process Service of a GPU: kernels of several processes run side by side. Else processes take turns."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

CONTROL = "nvidia-cuda-mps-control"
PATIENCE = 40
"""Seconds that a process may take to use the GPU through the service."""


@contextmanager
def mps(log: Path) -> Iterator[dict[str, str]]:
    """Start the service within the block, and yield the variables by which processes find the service.

    Where none starts, nothing is yielded, and `log` says why.
    """
    with TemporaryDirectory(prefix="mps") as folder:
        found = {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        try:
            fault = _start({**os.environ, **found})
            if fault:
                log.write_text(f"MPS does not start here: {fault}\n", encoding="utf-8")
            yield {} if fault else found
        finally:
            _quit({**os.environ, **found})


def _start(environment: Mapping[str, str]) -> str:
    """Start the service, and say what is wrong if a process cannot use the GPU through it."""
    use = "import torch; torch.zeros(1, device='cuda')"
    for command in ([CONTROL, "-d"], [sys.executable, "-c", use]):
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode:
            return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return ""


def _quit(environment: Mapping[str, str]) -> None:
    """Stop the service if one was started."""
    try:
        subprocess.run([CONTROL], env=environment, input="quit -t 1\n", text=True, capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"MPS did not stop: {error}", file=sys.stderr)
