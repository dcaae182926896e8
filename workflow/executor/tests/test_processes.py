"""A command's process group: who gets which signal, and that nothing of it is ever left behind."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from snakemake_executor_plugin_submitit.processes import TERMINAL_SIGNALS, Group, catches
from watching import MARK, alive, kill_marked, marked, until

SAVES = """
import os, pathlib, signal, sys, time
def save(number, frame):
    pathlib.Path(sys.argv[1] + ".saved").touch()
    sys.exit(75)
signal.signal(signal.SIGUSR2, save)
pathlib.Path(sys.argv[1]).touch()
while True:
    time.sleep(0.05)
"""
HEEDS_NOTHING = """
import pathlib, signal, sys, time
signal.signal(signal.SIGUSR2, lambda number, frame: None)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).touch()
while True:
    time.sleep(0.05)
"""
HOLDS = """
import os, sys, time
from snakemake_executor_plugin_submitit.processes import Group
group = Group(sys.argv[1], os.environ)
while True:
    time.sleep(0.05)
"""


def python(code: str, started: Path) -> str:
    """Return a shell command that runs Python code, which creates the file `started` once handlers are set."""
    return shlex.join([sys.executable, "-c", code, str(started)])


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    yield {**os.environ, MARK: str(tmp_path)}
    kill_marked(str(tmp_path))


def test_status_is_that_of_the_command(environment: dict[str, str]) -> None:
    for command, expected in {"true": 0, "exit 3": 3, "false\ntrue": 0, "true &&\nfalse": 1}.items():
        with closing(Group(command, environment)) as group:
            until(lambda group=group: group.status is not None, "the command has ended")  # type: ignore[misc]
            assert group.status == expected


def test_catches_tells_handlers_from_the_ignored_and_the_default(tmp_path: Path) -> None:
    started = tmp_path / "started"
    with subprocess.Popen([sys.executable, "-c", HEEDS_NOTHING, str(started)]) as process:
        until(started.exists, "the handlers are set")
        assert catches(process.pid, signal.SIGUSR2)
        assert not catches(process.pid, signal.SIGTERM)
        assert not catches(process.pid, signal.SIGUSR1)
        process.kill()
    assert not catches(process.pid, signal.SIGUSR2)


def test_usr2_reaches_who_handles_it_and_ends_the_group(tmp_path: Path, environment: dict[str, str]) -> None:
    trains, sleeps = tmp_path / "trains", tmp_path / "sleeps"
    command = f"touch {sleeps}; sleep 3600 & {python(SAVES, trains)}; kill %1"
    with closing(Group(command, environment)) as group:
        until(lambda: trains.exists() and sleeps.exists(), "both run")
        before = time.monotonic()
        assert group.ask_to_save(300)
        assert time.monotonic() - before < 200
        assert (tmp_path / "trains.saved").exists()
        until(lambda: group.members() == [], "all have ended")
    assert marked(str(tmp_path)) == []


def test_usr2_to_all_harms_nobody_without_a_handler(tmp_path: Path, environment: dict[str, str]) -> None:
    """SLURM sends its signal to every process of a job's step."""
    started = tmp_path / "started"
    with closing(Group(f"touch {started}; sleep 2; exit 4", environment)) as group:
        until(started.exists, "the command runs")
        for pid in group.members():
            os.kill(pid, signal.SIGUSR2)
        until(lambda: group.status is not None, "the command has ended")
        assert group.status == 4


def test_usr2_without_any_handler_ends_the_group_at_once(tmp_path: Path, environment: dict[str, str]) -> None:
    with closing(Group("sleep 3600 & sleep 3600", environment)) as group:
        until(lambda: len(group.members()) > 3, "all run")
        before = time.monotonic()
        assert not group.ask_to_save(300)
        assert time.monotonic() - before < 200
        until(lambda: marked(str(tmp_path)) == [], "all have ended")


def test_who_saves_too_slowly_is_killed(tmp_path: Path, environment: dict[str, str]) -> None:
    started = tmp_path / "started"
    with closing(Group(python(HEEDS_NOTHING, started), environment)) as group:
        until(started.exists, "the handlers are set")
        assert group.ask_to_save(0.5)
        until(lambda: marked(str(tmp_path)) == [], "all have ended")


def test_term_reaches_all_and_kill_who_ignores_it(tmp_path: Path, environment: dict[str, str]) -> None:
    heeds, ignores, started = tmp_path / "heeds", tmp_path / "ignores", tmp_path / "started"
    polite = f"(trap 'touch {heeds}; exit' TERM; touch {started}; sleep 3600 & wait)"
    with closing(Group(f"{polite} & {python(HEEDS_NOTHING, ignores)}", environment)) as group:
        until(lambda: started.exists() and ignores.exists(), "both run")
        group.terminate(3)
        assert heeds.exists()
        until(lambda: marked(str(tmp_path)) == [], "all have ended")


def test_a_command_leaves_nothing_in_the_background(tmp_path: Path, environment: dict[str, str]) -> None:
    with closing(Group("sleep 3600 &", environment)) as group:
        until(lambda: group.status is not None, "the command has ended")
        assert group.status == 0
    until(lambda: marked(str(tmp_path)) == [], "what it left has ended")


@pytest.mark.parametrize("first", [None, signal.SIGTERM])
def test_no_process_survives_the_holder_of_the_group(
    tmp_path: Path, environment: dict[str, str], first: signal.Signals | None
) -> None:
    """Also where every process of the group had a TERM before: the guard must not have ended by it."""
    started = tmp_path / "started"
    command = f"sleep 3600 & (sleep 3600 & sleep 3600) & {python(HEEDS_NOTHING, started)}"
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, command], env=environment)
    until(started.exists, "the group runs")
    if first:
        for process in psutil.Process(holder.pid).children(recursive=True):
            process.send_signal(first)
        time.sleep(0.5)
    assert len(marked(str(tmp_path))) > 1
    holder.kill()
    holder.wait()
    until(lambda: marked(str(tmp_path)) == [], "the group has ended")


def test_a_command_can_be_interrupted_though_its_starter_cannot(tmp_path: Path, environment: dict[str, str]) -> None:
    """Jobs of this machine are started with a terminal's signals blocked; their programs may need them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL_SIGNALS)
    try:
        with closing(Group(f"grep SigBlk: /proc/self/status > {tmp_path}/mask", environment)) as group:
            until(lambda: group.status is not None, "the command has ended")
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINAL_SIGNALS)
    assert int((tmp_path / "mask").read_text().split()[1], 16) == 0


def test_members_are_the_living_of_the_group_alone(environment: dict[str, str]) -> None:
    with closing(Group("sleep 3600", environment)) as group, closing(Group("sleep 3600", environment)) as other:
        until(lambda: group.members() and other.members(), "both run")
        assert os.getpid() not in group.members()
        assert not set(group.members()) & set(other.members())
        for each in (group, other):
            each.end(0)
            until(lambda each=each: not any(map(alive, each.members())), "the group has ended")  # type: ignore[misc]
