"""What submitit runs on a node: the command of one Snakemake job, and what signals do to it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from types import FrameType

from submitit.helpers import DelayedSubmission

from snakemake_executor_plugin_submitit.gpus import claim
from snakemake_executor_plugin_submitit.processes import POLL_SECONDS, Group

LINGER_SECONDS = 600
"""How long a terminated job waits for its end: longer than a queue's time between TERM and KILL."""
EARLY_SECONDS = 90.0
"""SLURM's signal may come a minute before it should, and this process starts after its job."""
AFTERTHOUGHT_SECONDS = 1.0
"""A command and this process get their TERM one after the other."""


class CommandFailed(Exception):
    """The command ended with another status than 0."""


class SnakemakeJob:
    """Run a command; on USR2 have it save its state, and be queued again; on TERM leave no result.

    `grace` is how many seconds the command has to end in either case, `limit` after how many USR2 comes for lack of
    time. `linger` says that whoever sends TERM will also end this process, and may start the job again: a result would
    be taken for the job's end.
    """

    def __init__(
        self,
        command: str,
        grace: float,
        limit: float | None = None,
        gpus: int = 0,
        devices: Sequence[str] | None = None,
        linger: bool = False,
    ) -> None:
        self.command = command
        self.grace = grace
        self.limit = limit
        self.gpus = gpus
        self.devices = devices
        self.linger = linger
        self._group: Group | None = None
        self._terminated = False
        self._begun = time.monotonic()

    def __call__(self) -> None:
        """Run the command to its end. Raises CommandFailed, and SystemExit once TERM has arrived."""
        self._begun = time.monotonic()
        before = signal.signal(signal.SIGTERM, self._note)
        try:
            with self._environment() as environment:
                self._group = Group(self.command, environment)
                with closing(self._group):
                    status = self._wait(self._group)
        finally:
            signal.signal(signal.SIGTERM, before)
        if status:
            if "SUBMITIT_EXECUTOR" in os.environ:  # a process of its own, whose log should end with the command's words
                sys.tracebacklimit = 0
            raise CommandFailed(f"the command ended with status {status}")

    def checkpoint(self) -> DelayedSubmission | None:
        """Have the command save its state and end; submitit calls this on USR2, and queues what it returns.

        None, which submitit takes for a failure, where the time is up and nothing in the command saves its state: it
        would take as long again.
        """
        if self._group:
            asked = self._group.ask_to_save(self.grace)
            print("The job was asked to save its state." if asked else "Nothing in the job heeds USR2.", flush=True)
            if not asked and self.limit and time.monotonic() - self._begun > self.limit - EARLY_SECONDS:
                return None
        again = SnakemakeJob(self.command, self.grace, self.limit, self.gpus, self.devices, self.linger)
        return DelayedSubmission(again)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._terminated = True
        if self._group is None:  # nothing has begun: it waits for a GPU
            sys.exit(128 + number)

    @contextmanager
    def _environment(self) -> Iterator[dict[str, str]]:
        """The command's environment; where GPUs are handed out by this machine, it sees its own alone."""
        if self.devices is None:
            yield dict(os.environ)
            return
        with claim(self.gpus, self.devices) as taken:
            yield {**os.environ, "CUDA_VISIBLE_DEVICES": ",".join(taken)}

    def _wait(self, group: Group) -> int:
        while (status := group.status) is None and not self._terminated:
            time.sleep(POLL_SECONDS)
        if status:
            time.sleep(AFTERTHOUGHT_SECONDS)
        if self._terminated:
            self._leave(group)
        return status or 0

    def _leave(self, group: Group) -> None:
        print("The job is being terminated.", flush=True)
        group.terminate(self.grace)
        if self.linger:
            time.sleep(LINGER_SECONDS)
        sys.exit(128 + signal.SIGTERM)
