"""What a queue makes of its words and of the results that jobs leave, and how it submits."""

from __future__ import annotations

import itertools
import os
import pickle
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from submitit.core.utils import FailedJobError, FailedSubmissionError

from snakemake_executor_plugin_submitit import queue as queue_module
from snakemake_executor_plugin_submitit.queue import (
    ENDED,
    QUEUED_AGAIN,
    Outcome,
    Queue,
    QueueFull,
    SubmissionFailed,
    Ticket,
    interrupts_held,
    last_lines,
    read_result,
    remove_files,
    submission_environment,
    submit_all,
)
from snakemake_executor_plugin_submitit.resources import Parameters
from snakemake_executor_plugin_submitit.slurm import parse_states
from snakemake_executor_plugin_submitit.task import SnakemakeJob

TIMED_OUT = """Traceback (most recent call last):
  File "job_environment.py", line 1, in checkpoint_and_try_requeue
submitit.core.utils.UncompletedJobError: Job not requeued because: timed-out too many times.
"""


class Scripted(Queue):
    """A queue that says what it is told to, and counts how often it was asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.words: dict[str, str] = {}
        self.questions = 0

    def submit(self, jobs: Sequence[SnakemakeJob], parameters: Parameters) -> list[Ticket]:
        return [Ticket(str(number), self.folder) for number, _ in enumerate(jobs)]

    def states(self, tickets: Sequence[Ticket]) -> dict[str, str]:
        self.questions += 1
        return {ticket.id: self.words[ticket.id] for ticket in tickets if ticket.id in self.words}

    def cancel(self, tickets: Sequence[Ticket]) -> bool:
        for ticket in tickets:
            self.words[ticket.id] = "CANCELLED"
        return True


@pytest.fixture
def queue(tmp_path: Path) -> Scripted:
    return Scripted(tmp_path)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take for settled what is seen ended twice."""
    monkeypatch.setattr(queue_module, "SETTLE_SECONDS", -1.0)


def leave(ticket: Ticket, outcome: str, value: str | None) -> None:
    ticket.paths.result_pickle.write_bytes(pickle.dumps((outcome, value)))


@pytest.mark.parametrize("word", ["RUNNING", "COMPLETED", "NODE_FAIL", "COMPLETING", None])
def test_success_counts_whatever_the_queue_says(queue: Scripted, word: str | None) -> None:
    ticket = Ticket("1", queue.folder)
    queue.words = {"1": word} if word else {}
    leave(ticket, "success", None)
    assert queue.poll([ticket]) == {"1": Outcome()}
    assert queue.questions == 0


def test_a_poll_asks_at_most_once(queue: Scripted) -> None:
    tickets = [Ticket(str(number), queue.folder) for number in range(50)]
    queue.words = {ticket.id: "RUNNING" for ticket in tickets}
    leave(tickets[7], "success", None)
    assert queue.poll(tickets) == {"7": Outcome()}
    assert queue.questions == 1
    assert queue.poll([]) == {}
    assert queue.questions == 1


@pytest.mark.parametrize("word", ["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED", None])
def test_a_job_that_waits_or_runs_has_no_outcome(queue: Scripted, settled: None, word: str | None) -> None:
    queue.words = {"1": word} if word else {}
    for _ in range(3):
        assert queue.poll([Ticket("1", queue.folder)]) == {}


@pytest.mark.parametrize("word", sorted(ENDED))
def test_an_end_without_a_result_must_settle(queue: Scripted, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    ticket = Ticket("1", queue.folder)
    queue.words = {"1": word}
    assert queue.poll([ticket]) == {}
    monkeypatch.setattr(queue_module, "REQUEUE_SECONDS" if word in QUEUED_AGAIN else "SETTLE_SECONDS", -1.0)
    plain = word in ("COMPLETED", "ENDED", "FAILED")
    assert queue.poll([ticket]) == {"1": Outcome("it left no result" if plain else word)}


def test_a_result_that_comes_late_is_a_success(queue: Scripted) -> None:
    ticket = Ticket("1", queue.folder)
    queue.words = {"1": "COMPLETED"}
    assert queue.poll([ticket]) == {}
    leave(ticket, "success", None)
    assert queue.poll([ticket]) == {"1": Outcome()}


def test_a_job_that_is_queued_again_has_not_failed(queue: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time goes on by twice what settles an end, but the job was seen waiting in between."""
    ticket = Ticket("1", queue.folder)
    clock = itertools.count(0, 2 * queue_module.REQUEUE_SECONDS)
    now = next(clock)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for word in ("PREEMPTED", "PENDING", "RUNNING", "NODE_FAIL", "PENDING", "NODE_FAIL"):
        queue.words, now = {"1": word}, next(clock)
        assert queue.poll([ticket]) == {}
    now = next(clock)
    assert queue.poll([ticket]) == {"1": Outcome("NODE_FAIL")}


def test_an_error_waits_for_the_queues_word(queue: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """The accounting is late by seconds, and knows better: OUT_OF_MEMORY says more than a status."""
    ticket = Ticket("1", queue.folder)
    leave(ticket, "error", "Traceback\nsome.Failure: status 137")
    assert queue.poll([ticket]) == {}
    queue.words = {"1": "OUT_OF_MEMORY"}
    assert queue.poll([ticket]) == {"1": Outcome("OUT_OF_MEMORY (status 137)")}


@pytest.mark.parametrize("word", ["FAILED", "COMPLETED", "ENDED"])
def test_an_error_says_more_than_a_plain_end(queue: Scripted, word: str) -> None:
    ticket = Ticket("1", queue.folder)
    leave(ticket, "error", "Traceback\nsome.Failure: status 1")
    queue.words = {"1": word}
    assert queue.poll([ticket]) == {"1": Outcome("status 1")}


@pytest.mark.parametrize("word", ["FAILED", "COMPLETED", "ENDED", "TIMEOUT"])
def test_a_time_out_is_named_whatever_the_queue_says(queue: Scripted, word: str) -> None:
    ticket = Ticket("1", queue.folder)
    leave(ticket, "error", TIMED_OUT)
    queue.words = {"1": word}
    reason = "TIMEOUT (Job not requeued because: timed-out too many times.)"
    assert queue.poll([ticket]) == {"1": Outcome(reason)}


def test_an_error_of_a_job_that_the_queue_never_ends_is_believed(queue: Scripted, settled: None) -> None:
    ticket = Ticket("1", queue.folder)
    leave(ticket, "error", "Failure: status 1")
    assert queue.poll([ticket]) == {"1": Outcome("status 1")}


def test_alive_are_those_that_wait_or_run(queue: Scripted) -> None:
    tickets = [Ticket(name, queue.folder) for name in ("waits", "runs", "lost", "ended", "unknown")]
    queue.words = {"waits": "PENDING", "runs": "RUNNING", "lost": "NODE_FAIL", "ended": "TIMEOUT"}
    assert queue.alive(tickets) == {"waits", "runs"}
    assert queue.questions == 1


@pytest.mark.parametrize(
    ("answer", "states"),
    [
        ("", {}),
        ("12|RUNNING\n13|CANCELLED by 0\n", {"12": "RUNNING", "13": "CANCELLED"}),
        ("12_3|COMPLETED\n12_4|PENDING", {"12_3": "COMPLETED", "12_4": "PENDING"}),
        ("12_[0-2]|PENDING", {"12_0": "PENDING", "12_1": "PENDING", "12_2": "PENDING"}),
        ("12_[0,4-5%2]|PENDING", {"12_0": "PENDING", "12_4": "PENDING", "12_5": "PENDING"}),
        ("12|FAILED\n12.batch|FAILED\n12.0|OUT_OF_MEMORY", {"12": "OUT_OF_MEMORY"}),
        ("12|RUNNING\n12.0|OUT_OF_MEMORY", {"12": "RUNNING"}),
        ("12|COMPLETED\n12.0|FAILED", {"12": "COMPLETED"}),
        ("JobID|\nslurm: a warning\n12|RUNNING", {"12": "RUNNING"}),
    ],
)
def test_parse_states(answer: str, states: dict[str, str]) -> None:
    assert parse_states(answer) == states


@pytest.mark.parametrize("named", ["12_[0,2,4,6,...]", "12_[1,3,5-", "12+0", "a|b"])
def test_a_name_that_is_cut_short_hides_no_other_job(named: str) -> None:
    """SLURM writes no more than SLURM_BITSTR_LEN characters of an array's numbers."""
    assert parse_states(f"{named}|PENDING\n13_1|RUNNING")["13_1"] == "RUNNING"


def test_read_result(tmp_path: Path) -> None:
    ticket = Ticket("1", tmp_path)
    assert read_result(ticket) is None
    ticket.paths.result_pickle.touch()
    assert read_result(ticket) is None
    leave(ticket, "success", None)
    assert read_result(ticket) == ""
    leave(ticket, "error", "Traceback\nsome.Failure: status 1\n")
    assert read_result(ticket) == "status 1"


def test_a_result_that_cannot_be_read_yet_is_none_yet(tmp_path: Path) -> None:
    """A shared disk may answer with any OSError for a while."""
    ticket = Ticket("1", tmp_path)
    ticket.paths.result_pickle.mkdir()
    assert read_result(ticket) is None


def test_a_result_that_was_cut_at_any_byte_is_none_yet(queue: Scripted, settled: None) -> None:
    """A job that is killed, or a disk that fills up, while it is written leaves the beginning of it."""
    ticket = Ticket("1", queue.folder)
    leave(ticket, "error", "Traceback\nsome.Failure: status 1\n")
    whole = ticket.paths.result_pickle.read_bytes()
    for length in range(len(whole)):
        ticket.paths.result_pickle.write_bytes(whole[:length])
        assert read_result(ticket) is None, length
    queue.words = {"1": "RUNNING"}
    assert queue.poll([ticket]) == {}
    queue.words = {"1": "FAILED"}
    assert queue.poll([ticket]) == {"1": Outcome("it left no result")}


@pytest.mark.parametrize("content", [b"garbage", pickle.dumps(7), b"\0" * 100, b"cno_such_module\nThing\n."])
def test_a_result_that_is_none_is_none_yet(tmp_path: Path, content: bytes) -> None:
    ticket = Ticket("1", tmp_path)
    ticket.paths.result_pickle.write_bytes(content)
    assert read_result(ticket) is None


def test_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_lines(log) == ""
    log.write_bytes("\n".join(f"line {number} \u00e9" for number in range(5000)).encode() + b"\xff")
    assert last_lines(log, 2).splitlines() == ["line 4998 \u00e9", "line 4999 \u00e9\ufffd"]


def test_files_of_an_ended_job_go(tmp_path: Path) -> None:
    for name in ("1", "2"):
        paths = Ticket(name, tmp_path).paths
        for path in (paths.submitted_pickle, paths.result_pickle, paths.stdout, paths.submission_file):
            path.touch()
    remove_files(Ticket("1", tmp_path), keep_log=False)
    remove_files(Ticket("2", tmp_path), keep_log=True)
    remove_files(Ticket("2", tmp_path), keep_log=True)
    assert [path.name for path in tmp_path.iterdir()] == [Ticket("2", tmp_path).paths.stdout.name]


def test_the_submission_environment_is_no_jobs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_CONF", "/etc/elsewhere/slurm.conf")
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    monkeypatch.delenv("SLURM_CLUSTERS", raising=False)
    before = dict(os.environ)
    with submission_environment():
        assert os.environ["SLURM_CONF"] == "/etc/elsewhere/slurm.conf"
        assert not {"SLURM_JOB_ID", "SUBMITIT_EXECUTOR", "SLURM_CLUSTERS"} & set(os.environ)
        assert os.environ["PATH"] == before["PATH"]
    assert dict(os.environ) == before


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), interrupts_held():
        os.kill(os.getpid(), signal.SIGINT)
        reached = True
    assert reached
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_an_interrupt_nothing_happens() -> None:
    with interrupts_held():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not {signal.SIGINT, signal.SIGHUP} & signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_terminals_signals_do_not_reach_a_program_started_in_the_block(number: signal.Signals) -> None:
    with interrupts_held():
        program = subprocess.Popen(["sleep", "60"])
    program.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(0.5)
    program.kill()
    program.wait()


def test_other_threads_hold_no_interrupts() -> None:
    done = []

    def elsewhere() -> None:
        with interrupts_held():
            done.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert done == [signal.default_int_handler]


class Refusing:
    """A queue that answers a submission with an error, as often as it is asked."""

    folder = Path("nowhere")

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked = 0

    def submit(self, job: SnakemakeJob) -> None:
        self.asked += 1
        raise self.error


@pytest.mark.parametrize("error", [FailedJobError, FailedSubmissionError])
def test_a_refused_submission_says_why(error: type[Exception]) -> None:
    executor = Refusing(error("sbatch: error: Invalid partition\n  name specified"))
    with pytest.raises(SubmissionFailed, match="Invalid partition name specified") as failed:
        submit_all(executor, [SnakemakeJob("true", 1)])
    assert failed.value.refused
    assert executor.asked == 1


def test_a_busy_queue_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "BUSY_SECONDS", 0.0)
    executor = Refusing(FailedJobError("sbatch: error: Unable to contact slurm controller (connect failure)"))
    with pytest.raises(SubmissionFailed) as failed:
        submit_all(executor, [SnakemakeJob("true", 1)])
    assert not failed.value.refused, "it may take the jobs later"
    assert executor.asked == queue_module.BUSY_TRIES


POLICY = (
    "Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
)


@pytest.mark.parametrize(
    ("said", "full"),
    [
        (f"sbatch: error: QOSMaxSubmitJobPerUserLimit sbatch: error: {POLICY}", True),
        (f"sbatch: error: AssocMaxSubmitJobLimit sbatch: error: {POLICY}", True),
        (f"sbatch: error: AssocGrpSubmitJobsLimit sbatch: error: {POLICY}", True),
        (f"sbatch: error: {POLICY}", True),
        ("sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying.", True),
        (f"sbatch: error: QOSMaxWallDurationPerJobLimit sbatch: error: {POLICY}", False),
        (f"sbatch: error: QOSMaxGRESPerUser sbatch: error: {POLICY}", False),
        (f"sbatch: error: AssocMaxCpuPerJobLimit sbatch: error: {POLICY}", False),
        ("sbatch: error: Invalid partition name specified", False),
    ],
)
def test_a_limit_on_the_number_of_jobs_is_a_full_queue(said: str, full: bool) -> None:
    executor = Refusing(FailedJobError(said))
    with pytest.raises(SubmissionFailed) as failed:
        submit_all(executor, [SnakemakeJob("true", 1)])
    assert isinstance(failed.value, QueueFull) == full
    assert failed.value.refused != full
    assert executor.asked == 1, "whoever submits waits, not the block in which Ctrl-C waits"


def test_a_full_disk_is_no_refusal() -> None:
    with pytest.raises(SubmissionFailed, match="No space left") as failed:
        submit_all(Refusing(OSError(28, "No space left on device")), [SnakemakeJob("true", 1)])
    assert not failed.value.refused


def test_a_ticket_names_submitits_files(tmp_path: Path) -> None:
    assert Ticket("12_3", tmp_path).paths.stdout == tmp_path / "12_3_0_log.out"
