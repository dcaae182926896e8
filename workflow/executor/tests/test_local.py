"""This machine as a queue: jobs are found again by any process, and ended with all that they have started."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from snakemake_executor_plugin_submitit.local import LocalQueue
from snakemake_executor_plugin_submitit.queue import Outcome, Ticket
from snakemake_executor_plugin_submitit.task import SnakemakeJob
from watching import MARK, kill_marked, marked, until

PARAMETERS = {"timeout_min": 60, "stderr_to_stdout": True}


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv(MARK, str(tmp_path))
    yield str(tmp_path)
    kill_marked(str(tmp_path))


def open_queue(folder: Path, grace: float = 10) -> LocalQueue:
    return LocalQueue(folder, max_timeouts=1, grace=grace)


def test_jobs_run_and_succeed(tmp_path: Path, mark: str) -> None:
    queue = open_queue(tmp_path / "queue")
    tickets = queue.submit([SnakemakeJob(f"touch {tmp_path}/{number}", 10) for number in range(2)], PARAMETERS)
    until(lambda: len(queue.poll(tickets)) == 2, "both have ended")
    assert queue.poll(tickets) == {ticket.id: Outcome() for ticket in tickets}
    assert all((tmp_path / str(number)).exists() for number in range(2))


def test_a_job_is_found_again_after_the_clock_was_set(
    tmp_path: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ticket,) = open_queue(tmp_path / "queue").submit([SnakemakeJob("sleep 60", 10)], PARAMETERS)
    boot_time = psutil.boot_time()
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: boot_time + 3)
    later = open_queue(tmp_path / "later")
    until(lambda: later.alive([ticket]) == {ticket.id}, "it is found, once it has its command line", 5)
    later.cancel([ticket])
    until(lambda: not marked(mark), "the job has ended", 20)
    assert later.alive([ticket]) == set()


def test_a_job_can_be_cancelled_as_soon_as_it_is_submitted(tmp_path: Path, mark: str) -> None:
    queue = open_queue(tmp_path / "queue")
    queue.cancel(queue.submit([SnakemakeJob("sleep 60", 10)] * 5, PARAMETERS))
    until(lambda: not marked(mark), "all have ended", 20)


def test_another_process_with_the_number_of_a_job_is_let_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        ticket = Ticket(str(other.pid), tmp_path)
        queue = open_queue(tmp_path)
        assert queue.alive([ticket]) == set()
        queue.cancel([ticket])
        assert other.poll() is None
        other.kill()


def test_a_job_that_heeds_no_term_is_killed_with_all_that_it_started(tmp_path: Path, mark: str) -> None:
    queue = open_queue(tmp_path / "queue", grace=1)
    stubborn = f"trap '' TERM; touch {tmp_path}/ready; while true; do sleep 1; done"
    (ticket,) = queue.submit([SnakemakeJob(stubborn, grace=60)], PARAMETERS)
    until((tmp_path / "ready").exists, "the job runs")
    queue.cancel([ticket])
    until(lambda: not marked(mark), "the job has ended", 5)


def test_a_job_that_ends_just_before_it_is_cancelled_keeps_no_other_alive(
    tmp_path: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = open_queue(tmp_path / "queue")
    (lives,) = queue.submit([SnakemakeJob("sleep 60", 10)], PARAMETERS)
    with subprocess.Popen(["true"]) as gone:
        ended = psutil.Process(gone.pid)
    found = {"ended": ended, lives.id: psutil.Process(int(lives.id))}
    monkeypatch.setattr(queue, "_controller", lambda ticket: found[ticket.id])
    queue.cancel([Ticket("ended", tmp_path), lives])
    until(lambda: not marked(mark), "the other has ended", 20)
