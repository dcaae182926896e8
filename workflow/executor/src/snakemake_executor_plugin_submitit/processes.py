"""A command in a process group of its own: watched, signalled, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

POLL_SECONDS = 0.1
# The command's own programs decide what USR2 means to them; unasked, it would kill Snakemake and the shells between.
# The guard reads from a pipe that only this process holds open: when this process lets go of it or dies, of anything,
# the group follows, and whatever the command has left running.
WRAPPER = """
trap '' USR2
trap : TERM
(trap '' TERM; read -r _ <&{pipe}; kill -KILL 0) &
exec {pipe}<&-
(
{command}
)
exit $?
"""


TERMINAL_SIGNALS = (signal.SIGINT, signal.SIGHUP)
"""What a terminal sends to all that was started from it: Ctrl-C, and its own end."""


def heed_terminal() -> None:
    """Unblock a terminal's signals, which the processes around a job of this machine have blocked."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINAL_SIGNALS)


class Group:
    """A shell command and all its descendants, as long as they stay in its process group."""

    def __init__(self, command: str, environment: Mapping[str, str]) -> None:
        pipe, self._held = os.pipe()
        script = WRAPPER.format(pipe=pipe, command=command)
        self._shell = subprocess.Popen(
            ["bash", "-c", script],
            env=dict(environment),
            pass_fds=[pipe],
            start_new_session=True,
            preexec_fn=heed_terminal,
        )
        os.close(pipe)

    @property
    def status(self) -> int | None:
        """The command's exit status; None while it runs. Not to be asked from a signal handler."""
        return self._shell.poll()

    def close(self) -> None:
        """Let go of the group: its guard kills whatever of it still lives, and itself."""
        os.close(self._held)

    def members(self) -> list[int]:
        """Process ids of the group's living processes."""
        return [process.pid for process in psutil.process_iter() if self._has(process)]

    def _has(self, process: psutil.Process) -> bool:
        try:
            return os.getpgid(process.pid) == self._shell.pid and process.status() != psutil.STATUS_ZOMBIE
        except (ProcessLookupError, psutil.NoSuchProcess, psutil.AccessDenied, PermissionError):
            return False

    def ask_to_save(self, seconds: float) -> bool:
        """Send USR2 to those processes that catch it, and end the group once they have; whether there were any.

        The group is given so many seconds at most, and killed then.
        """
        catching = [pid for pid in self.members() if catches(pid, signal.SIGUSR2)]
        for pid in catching:
            _send(pid, signal.SIGUSR2)
        self.end(seconds if catching else 0)
        return bool(catching)

    def terminate(self, seconds: float) -> None:
        """Send TERM to all, and kill what is left after so many seconds."""
        for pid in self.members():
            _send(pid, signal.SIGTERM)
        self.end(seconds)

    def end(self, seconds: float) -> None:
        """Wait so many seconds for the group to end by itself, then kill it."""
        last = time.monotonic() + seconds
        while len(self.members()) > 1 and time.monotonic() < last:  # the guard stays to the end
            time.sleep(POLL_SECONDS)
        if self.members():
            with suppress(ProcessLookupError):
                os.killpg(self._shell.pid, signal.SIGKILL)  # all at once: none can fork and get away


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for a signal (Linux: SigCgt in /proc/PID/status)."""
    try:
        lines = Path("/proc", str(pid), "status").read_text().splitlines()
    except OSError:
        return False
    masks = [line.split()[1] for line in lines if line.startswith("SigCgt:")]
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
