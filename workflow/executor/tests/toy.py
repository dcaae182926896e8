"""A toy workflow in a folder of its own, run by the real Snakemake."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from watching import MARK, kill_marked, marked, until

FLAGS = ("--executor", "submitit", "--jobs", "8", "--seconds-between-status-checks", "1", "--scheduler", "greedy")


class Toy:
    """A Snakefile and what its Snakemake, the head, says and leaves; nothing of it runs on after the `with` block.

    Every process carries the folder as its mark.
    """

    def __init__(self, folder: Path, snakefile: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "Snakefile").write_text(snakefile)
        (folder / "tmp").mkdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        kill_marked(str(self.folder))

    def start(self, *flags: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a head in a process group of its own, as a terminal does."""
        inherited = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
        own = {MARK: str(self.folder), "TMPDIR": str(self.folder / "tmp")}
        with (self.folder / "head.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "snakemake", *FLAGS, *flags],
                cwd=self.folder,
                env={**inherited, **own, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, *flags: str, **environment: str) -> int:
        """Run a head to its end; its exit status."""
        return self.start(*flags, **environment).wait(timeout=900)

    @property
    def said(self) -> str:
        """What the heads have said so far."""
        return (self.folder / "head.log").read_text()

    def lines(self, name: str) -> list[str]:
        """Return the lines of a file that jobs write; none if there is no file."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def wait_for(self, *names: str) -> None:
        """Wait until jobs have made these files."""
        for name in names:
            until((self.folder / name).exists, f"{name} is there, but the head said:\n{self.said}", 600)

    def left_logs(self) -> list[Path]:
        """Return the logs that submitit has left."""
        return sorted((self.folder / ".snakemake" / "submitit").glob("*/*_log.out"))

    def running(self) -> int:
        """How many jobs there are: for each there is a process of submitit's that watches it."""
        return len(marked(str(self.folder), "submitit.local._local"))

    def assert_nothing_runs(self) -> None:
        """Fail if a process of this workflow is left."""
        until(lambda: not marked(str(self.folder)), f"{marked(str(self.folder))} are left", 240)


def interrupt(head: subprocess.Popen[bytes], group: bool) -> int:
    """Ctrl-C for a head alone, or for its whole process group as a terminal sends it; the head's exit status."""
    (os.killpg if group else os.kill)(head.pid, signal.SIGINT)
    return head.wait(timeout=600)
