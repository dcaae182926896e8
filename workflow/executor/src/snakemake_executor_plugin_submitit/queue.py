"""A queue of jobs: SLURM's, this machine's, or none. Every kind is asked the same four things."""

from __future__ import annotations

import os
import pickle
import re
import signal
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submitit.core.core import Executor
from submitit.core.utils import FailedJobError, FailedSubmissionError, JobPaths
from submitit.helpers import clean_env

from snakemake_executor_plugin_submitit.processes import TERMINAL_SIGNALS
from snakemake_executor_plugin_submitit.resources import Parameters
from snakemake_executor_plugin_submitit.task import SnakemakeJob

SETTLE_SECONDS = 15.0
"""How long a job without a result must have been seen ended: files arrive late, and it may be queued again."""
REQUEUE_SECONDS = 120.0
"""The same where the queue starts jobs again by itself: SLURM shows the old end until what is left of it is killed."""
QUEUED_AGAIN = {"BOOT_FAIL", "NODE_FAIL", "PREEMPTED"}
ENDED = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "ENDED", "FAILED"),
    *("NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"),
}
"""Words for a job that is over, SLURM's and ENDED, a local queue's; any other is of one that waits or runs."""
TIMED_OUT = ("timed-out too many times", "checkpoint function returned None")
"""What submitit says in a job that ran into its time limit for the last time; SLURM sees it fail."""
BUSY = ("Socket timed out", "Unable to contact slurm controller", "temporarily unavailable")
"""What sbatch says when SLURM may answer a moment later."""
SUBMIT_LIMIT = re.compile(r"SubmitJob|temporarily unable to accept job")
"""What sbatch says where SLURM takes no more jobs until some have ended: QOSMaxSubmitJobPerUserLimit and its kin."""
ANY_LIMIT, NAMED_LIMIT = "violates accounting/QOS policy", re.compile(r"\b(?:QOS|Assoc)[A-Z]\w+")
"""SLURM's words for a limit of any kind, and for the limit itself, which it may not name."""
BUSY_SECONDS = 10.0
BUSY_TRIES = 13
CLUSTER_SETTINGS = ("SLURM_CONF", "SLURM_CLUSTERS")
"""Variables that say which SLURM to talk to, unlike those that SLURM sets for a job."""


class SubmissionFailed(Exception):
    """The queue did not take the jobs; the text is its answer. `refused` if it would not take them later either."""

    def __init__(self, said: str, refused: bool) -> None:
        super().__init__(said)
        self.refused = refused


class QueueFull(SubmissionFailed):
    """The queue takes no more jobs for now: those that are in it, this user's or others', have to end first."""

    def __init__(self, said: str) -> None:
        super().__init__(said, refused=False)


@dataclass(frozen=True)
class Ticket:
    """A job in a queue: enough for another process to find it again."""

    id: str
    folder: Path

    @property
    def paths(self) -> JobPaths:
        return JobPaths(self.folder, job_id=self.id, task_id=0)


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `reason` is None for success, else the queue's word for it (TIMEOUT) or the job's own."""

    reason: str | None = None


class Queue(ABC):
    """Where jobs run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.latency = 0.0
        self._ended_since: dict[str, float] = {}

    @abstractmethod
    def submit(self, jobs: Sequence[SnakemakeJob], parameters: Parameters) -> list[Ticket]:
        """Queue jobs that ask for the same, all or none. Raises SubmissionFailed, QueueFull where waiting helps."""

    @abstractmethod
    def states(self, tickets: Sequence[Ticket]) -> dict[str, str]:
        """The queue's word for the state of each of these jobs that it knows; one question for all."""

    @abstractmethod
    def cancel(self, tickets: Sequence[Ticket]) -> bool:
        """End these jobs; whether the queue has taken note of that."""

    def held(self) -> AbstractContextManager[None]:
        """A block in which Ctrl-C waits: a job that was submitted but is not noted yet could not be cancelled."""
        return interrupts_held()

    def alive(self, tickets: Sequence[Ticket]) -> set[str]:
        """The ids of those jobs that surely wait or run."""
        return {job for job, state in self.states(tickets).items() if state not in ENDED}

    def poll(self, tickets: Iterable[Ticket]) -> dict[str, Outcome]:
        """The outcomes of those jobs that have ended; the queue is asked at most once."""
        tickets = list(tickets)
        for folder in {ticket.folder for ticket in tickets}:
            with suppress(OSError):  # a listing brings a shared disk's news
                list(folder.iterdir())
        results = {ticket: read_result(ticket) for ticket in tickets}
        outcomes = {ticket.id: Outcome() for ticket, result in results.items() if result == ""}
        rest = [ticket for ticket in results if ticket.id not in outcomes]
        states = self.states(rest) if rest else {}
        endings = {job: state for job, state in states.items() if state in ENDED}
        for ticket in rest:
            reason = self._reason(ticket, results[ticket], endings.get(ticket.id))
            if reason:
                outcomes[ticket.id] = Outcome(reason)
        return outcomes

    def _reason(self, ticket: Ticket, error: str | None, ending: str | None) -> str | None:
        """Why a job failed, once that is certain: from the queue's word for its end, and its own last word."""
        if error is None and ending is None:
            self._ended_since.pop(ticket.id, None)
            return None
        since = self._ended_since.setdefault(ticket.id, time.monotonic())
        settle = REQUEUE_SECONDS if ending in QUEUED_AGAIN else max(SETTLE_SECONDS, self.latency)
        settled = time.monotonic() - since > settle
        if not settled and (error is None or ending is None or ending in QUEUED_AGAIN):
            return None
        if ending in QUEUED_AGAIN and self.alive([ticket]):
            return None
        if error and any(words in error for words in TIMED_OUT):
            ending = "TIMEOUT"
        if ending in (None, "COMPLETED", "ENDED", "FAILED"):
            return error or "it left no result"
        return f"{ending} ({error})" if error else ending


def read_result(ticket: Ticket) -> str | None:
    """What a job has left: nothing that can be read yet (None), success (''), or the last line of its error."""
    try:
        outcome, value = pickle.loads(ticket.paths.result_pickle.read_bytes())
    except Exception:  # a shared disk may be away; a file cut by a kill fails in as many ways as pickle knows
        return None
    return "" if outcome == "success" else re.sub(r"^[\w.]+: ", "", str(value).strip().splitlines()[-1])


def last_lines(path: Path, count: int = 30) -> str:
    """The end of a log; empty if there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 200 * count))
            lines = log.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-count:])


def remove_files(ticket: Ticket, keep_log: bool) -> None:
    """Delete what submitit keeps of a job that has ended."""
    paths = ticket.paths
    for path in (paths.submitted_pickle, paths.result_pickle, *(() if keep_log else (paths.stdout,))):
        path.unlink(missing_ok=True)
    if "_" not in ticket.id:
        paths.submission_file.unlink(missing_ok=True)


def submit_all(executor: Executor, jobs: Sequence[SnakemakeJob]) -> list[Any]:
    """Submit through submitit; several jobs become one array. Raises SubmissionFailed, QueueFull where waiting helps.

    A queue that is too busy to answer is asked again. Had it taken the jobs after all, they would end by themselves:
    submitit gives a job its work only after the queue has told its number.
    """
    tried = 0
    while True:
        try:
            with submission_environment():
                return _submitted(executor, jobs)
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            said = " ".join(str(error).split())
            _remove_unsubmitted(executor.folder)
            if is_full(said):
                raise QueueFull(said) from error
            busy, tried = any(word in said for word in BUSY), tried + 1
            if not busy or tried == BUSY_TRIES:
                raise SubmissionFailed(said, refused=not busy and not isinstance(error, OSError)) from error
            time.sleep(BUSY_SECONDS)


def is_full(said: str) -> bool:
    """Whether sbatch's answer is that of a queue with as many jobs in it as it takes."""
    return bool(SUBMIT_LIMIT.search(said)) or (ANY_LIMIT in said and not NAMED_LIMIT.search(said))


def _remove_unsubmitted(folder: Path) -> None:
    """Delete what submitit wrote for jobs that the queue did not take: a full one may be tried for days."""
    pickles = [path for path in folder.glob("*.pkl") if len(path.stem) == len(uuid.uuid4().hex)]
    for path in (*pickles, *folder.glob(".submission_file_*.sh")):
        path.unlink(missing_ok=True)


def _submitted(executor: Executor, jobs: Sequence[SnakemakeJob]) -> list[Any]:
    if len(jobs) == 1:
        return [executor.submit(jobs[0])]
    with executor.batch():
        submitted = [executor.submit(job) for job in jobs]
    return submitted


@contextmanager
def submission_environment() -> Iterator[None]:
    """An environment without what SLURM and submitit set for a job, in case this process is one."""
    kept = {name: os.environ[name] for name in CLUSTER_SETTINGS if name in os.environ}
    with clean_env():
        os.environ.update(kept)
        yield


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Put off Ctrl-C until the end of the block. Programs started in it never get it, nor their terminal's end.

    Other threads than the main one get no Ctrl-C, but the programs that they start would.
    """
    if threading.current_thread() is not threading.main_thread():
        with _terminal_signals_blocked():
            yield
        return
    held: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        with _terminal_signals_blocked():
            yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def _terminal_signals_blocked() -> Iterator[None]:
    """Block a terminal's signals in this thread, and so in the programs that it starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINAL_SIGNALS)
