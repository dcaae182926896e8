"""The Multi-Process Service of a GPU: kernels of several processes run side by side. Else processes take turns.

    python -m benchmarks.gpu.mps ARGUMENTS OF benchmarks.speed

measures with it. Where it does not start, one line says why, and nothing is measured.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.speed import __main__ as speed
from enco.errors import run_cli

CONTROL = "nvidia-cuda-mps-control"
PATIENCE = 20
"""Seconds that the service may take to start or stop."""


@contextmanager
def mps() -> Iterator[str]:
    """Let processes that are started within the block use the service; yield what keeps the service from starting."""
    with TemporaryDirectory(prefix="mps", ignore_cleanup_errors=True) as folder:
        found = {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        os.environ.update(found)
        try:
            yield _tell(["-d"], "", Path(folder) / "started")
        finally:
            _tell([], "quit -t 1\n", Path(folder) / "stopped")
            for name in found:
                del os.environ[name]


def _tell(words: list[str], text: str, said: Path) -> str:
    """Call the control program, and return what is wrong; its daemon keeps its output open, so no pipe is read."""
    try:
        with said.open("w", encoding="utf-8") as output:
            done = subprocess.run(
                [CONTROL, *words], input=text, text=True, stdout=output, stderr=output, timeout=PATIENCE
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = said.read_text("utf-8", "replace").strip().splitlines()
    return (lines or [f"exit status {done.returncode}"])[-1] if done.returncode else ""


def main() -> None:
    """Measure with the service, or say why not. A signal still stops the service."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with mps() as fault:
        if fault:
            print(f"MPS does not start here: {fault}")
        else:
            speed.main(sys.argv[1:])


if __name__ == "__main__":
    run_cli(main)
