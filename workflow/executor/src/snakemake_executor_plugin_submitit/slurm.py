"""SLURM as a queue: submitted through submitit, asked with one command for all jobs."""

from __future__ import annotations

import getpass
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from submitit import AutoExecutor
from submitit.slurm.slurm import read_job_id

from snakemake_executor_plugin_submitit.queue import (
    BUSY,
    BUSY_SECONDS,
    ENDED,
    SUBMIT_LIMIT,
    Queue,
    QueueFull,
    SubmissionFailed,
    Ticket,
    submit_all,
)
from snakemake_executor_plugin_submitit.resources import Parameters
from snakemake_executor_plugin_submitit.task import SnakemakeJob
from snakemake_executor_plugin_submitit.waiting import StuckJobs, parse_reasons

QUERY_SECONDS = 120
CANCEL_TRIES = 4
REASON_SECONDS = 30.0
"""How often the controller is asked at most why jobs wait."""
ME = "--me"
"""Asks squeue for one's own jobs, since SLURM 20.02; before that they are asked for by the user's name."""


class SlurmQueue(Queue):
    """The SLURM that this machine's sbatch talks to."""

    def __init__(self, folder: Path, max_timeouts: int, warn: Callable[[str], None]) -> None:
        super().__init__(folder)
        self.warn = warn
        self.max_timeouts = max_timeouts
        self._accounting = True
        self._silent = False
        self._whose = ME
        self._stuck = StuckJobs()
        self._reasons_asked = -REASON_SECONDS

    def submit(self, jobs: Sequence[SnakemakeJob], parameters: Parameters) -> list[Ticket]:
        executor = AutoExecutor(self.folder, cluster="slurm", slurm_max_num_timeout=self.max_timeouts)
        executor.update_parameters(**parameters)
        try:
            return [Ticket(job.job_id, self.folder) for job in submit_all(executor, jobs)]
        except QueueFull as error:
            if SUBMIT_LIMIT.search(str(error)) or len(jobs) > 1 or self._has_jobs():
                raise
            raise SubmissionFailed(str(error), refused=True) from error  # no limit on a number: nobody's end would help

    def _has_jobs(self) -> bool:
        """Whether this user has jobs that wait or run, as far as the controller answers."""
        known = parse_states(self._controller().stdout)
        return self._silent or any(state not in ENDED for state in known.values())

    def states(self, tickets: Sequence[Ticket]) -> dict[str, str]:
        """SLURM's words; of jobs that do not start by themselves it is said why."""
        states = self._states(tickets)
        self._warn_of_stuck({job for job, state in states.items() if state == "PENDING"})
        return states

    def _warn_of_stuck(self, waiting: set[str]) -> None:
        if not waiting or time.monotonic() < self._reasons_asked + REASON_SECONDS:
            return
        self._reasons_asked = time.monotonic()
        for warning in self._stuck.warnings(waiting, parse_reasons(self._answer().stdout)):
            self.warn(warning)

    def _states(self, tickets: Sequence[Ticket]) -> dict[str, str]:
        """SLURM's words, from its accounting or, where that does not answer, its controller; none if neither does."""
        answer = self._ask(sacct(tickets)) if self._accounting else None
        if answer is not None and answer.returncode:
            self._accounting = "accounting storage is disabled" not in answer.stderr
            answer = None
        known = parse_states((answer or self._controller()).stdout)
        if not self._accounting and not self._silent:  # the controller knows every job that has not ended
            return {ticket.id: known.get(ticket.id, "ENDED") for ticket in tickets}
        return {ticket.id: known[ticket.id] for ticket in tickets if ticket.id in known}

    def alive(self, tickets: Sequence[Ticket]) -> set[str]:
        """The ids of those jobs that wait, run or are still being ended, once the controller answers.

        The accounting is late, and calls a job ended whose processes have yet to be killed.
        """
        while True:
            known = parse_states(self._controller().stdout)
            if not self._silent:
                return {ticket.id for ticket in tickets if known.get(ticket.id, "ENDED") not in ENDED}
            time.sleep(BUSY_SECONDS)

    def cancel(self, tickets: Sequence[Ticket]) -> bool:
        for _ in range(CANCEL_TRIES if tickets else 0):
            answer = self._ask(["scancel", "--quiet", *(ticket.id for ticket in tickets)])
            if not answer.returncode or not any(word in answer.stderr for word in BUSY):
                return True
            time.sleep(BUSY_SECONDS)
        return not tickets

    def _controller(self) -> subprocess.CompletedProcess[str]:
        """The controller's answer about all jobs of this user; that it does not answer is said once."""
        answer = self._answer()
        if answer.returncode and not self._silent:
            self.warn(f"SLURM does not answer ({answer.stderr.strip()}): jobs are waited for.")
        self._silent = bool(answer.returncode)
        return answer

    def _answer(self) -> subprocess.CompletedProcess[str]:
        answer = self._ask(squeue(self._whose))
        if answer.returncode and "unrecognized option" in answer.stderr and self._whose == ME:
            self._whose = f"--user={getpass.getuser()}"
            answer = self._ask(squeue(self._whose))
        return answer

    def _ask(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        whole = {**os.environ, "SLURM_BITSTR_LEN": "0"}  # else an array's numbers are cut short
        try:
            return subprocess.run(
                command, capture_output=True, text=True, timeout=QUERY_SECONDS, check=False, env=whole
            )
        except (subprocess.TimeoutExpired, OSError) as error:
            return subprocess.CompletedProcess(command, 1, "", str(error))


def sacct(tickets: Sequence[Ticket]) -> list[str]:
    """The command that asks the accounting for the states of these jobs; of an array all of its jobs."""
    ids = sorted({ticket.id.partition("_")[0] for ticket in tickets})
    options = ["--noheader", "--parsable2", "--format=JobID,State"]
    return ["sacct", *options, f"--jobs={','.join(ids)}"]


def squeue(whose: str = ME) -> list[str]:
    """The command that asks the controller, which forgets ended jobs after some minutes, for all jobs of this user."""
    return ["squeue", whose, "--array", "--noheader", "--states=all", "--format=%i|%T|%r"]


def parse_states(answer: str) -> dict[str, str]:
    """`12_3|CANCELLED by 0` and `12_[4-5]|PENDING|None` as {'12_3': 'CANCELLED', '12_4': 'PENDING', '12_5': 'PENDING'}.

    Of a job's steps (`12_3.0`) only OUT_OF_MEMORY tells more than the job's own state, which may be FAILED then.
    """
    states: dict[str, str] = {}
    for named, _, said in (line.partition("|") for line in answer.splitlines()):
        job, is_step, _ = named.partition(".")
        state = said.split("|")[0].partition(" ")[0]
        if is_step and state == "OUT_OF_MEMORY" and states.get(job) in ("COMPLETED", "FAILED"):
            states[job] = state
        elif state and not is_step:
            states.update(dict.fromkeys(expand(job), state))
    return states


def expand(named: str) -> list[str]:
    """The ids of the jobs that SLURM names together: `12_[0,4-5%2]` are 12_0, 12_4 and 12_5; none if it is no name."""
    try:
        ranges = read_job_id(named)
    except ValueError:
        return []
    ids = []
    for job, *indices in ranges:
        if indices:
            ids += [f"{job}_{index}" for index in range(int(indices[0]), int(indices[-1]) + 1)]
        else:
            ids.append(job)
    return ids
