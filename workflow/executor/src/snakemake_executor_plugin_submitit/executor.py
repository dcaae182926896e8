"""The executor: Snakemake's ready jobs into a queue, and what became of them back to Snakemake."""

from __future__ import annotations

import asyncio
import os
import platform
import shlex
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

from snakemake_executor_plugin_submitit.gpus import visible_devices
from snakemake_executor_plugin_submitit.ledger import Entry, Ledger, fingerprint, key
from snakemake_executor_plugin_submitit.local import DebugQueue, LocalQueue
from snakemake_executor_plugin_submitit.queue import (
    CLUSTER_SETTINGS,
    Outcome,
    Queue,
    QueueFull,
    SubmissionFailed,
    Ticket,
    last_lines,
    remove_files,
)
from snakemake_executor_plugin_submitit.resources import Parameters, local_parameters, shortened, slurm_parameters
from snakemake_executor_plugin_submitit.settings import ExecutorSettings
from snakemake_executor_plugin_submitit.slurm import SlurmQueue
from snakemake_executor_plugin_submitit.task import SnakemakeJob

FULL_SECONDS = 30.0
"""How long a queue that is full is left alone before it is asked again."""
SAVING_SHARE = 0.75
"""Share of the signal's delay that a job has to save its state; the rest is for queueing it again."""


class Executor(RemoteExecutor):
    """Runs each job as `snakemake` for that job alone, in a queue."""

    def __post_init__(self) -> None:
        settings: ExecutorSettings = self.workflow.executor_settings
        self.settings = settings
        self.grace = SAVING_SHARE * settings.signal_delay
        self.queue = open_queue(settings, self.grace, self.logger.warning)
        self.queue.latency = float(self.workflow.execution_settings.latency_wait)
        self.ledger = Ledger(Path(".snakemake", "submitit-ledger"), place(settings.cluster))
        self._tracked: dict[str, tuple[SubmittedJobInfo, Ticket]] = {}
        self._left: dict[str, Entry] | None = None
        self._submitting = threading.Lock()
        self._waiting: list[tuple[Parameters, list[JobExecutorInterface]]] = []
        self._is_full = False
        self._asked_at = 0.0

    @property
    def cores(self) -> str:
        """All that a job finds where it runs: this machine's number says nothing of another one."""
        return "all"

    def run_job(self, job: JobExecutorInterface) -> None:
        self.run_jobs([job])

    def run_jobs(self, jobs: Sequence[JobExecutorInterface]) -> None:
        """Queue jobs, those that ask for the same resources as one array; jobs that are queued already are kept."""
        for job in jobs:
            self.run_job_pre(job)
        fresh = [job for job in jobs if not self._adopt(job)]
        with self._submitting:
            for parameters, batch in batches(fresh, self._parameters, self.settings.array):
                if left := self._submit(batch, parameters):
                    self._waiting.append((parameters, left))

    def _parameters(self, job: JobExecutorInterface) -> Parameters:
        convert = slurm_parameters if self.settings.cluster == "slurm" else local_parameters
        return convert(job.name, dict(job.resources.items()), job.threads, self.settings.signal_delay)

    def _submit(self, jobs: Sequence[JobExecutorInterface], parameters: Parameters) -> list[JobExecutorInterface]:
        """Queue jobs, or report that they cannot be; returns those for which the queue has no room yet."""
        try:
            self._queue(jobs, parameters)
        except QueueFull as full:
            self._say_full(full)
            half = len(jobs) // 2
            if not half:
                return list(jobs)
            left = self._submit(jobs[:half], parameters)
            return [*left, *jobs[half:]] if left else self._submit(jobs[half:], parameters)
        except SubmissionFailed as error:
            for job in jobs:
                if error.refused:
                    stop_retries(job)
                self.report_job_error(SubmittedJobInfo(job), msg=f"The queue did not take the job: {error}. ")
        return []

    def _queue(self, jobs: Sequence[JobExecutorInterface], parameters: Parameters) -> None:
        """Queue jobs, all or none, and keep track of them. Raises SubmissionFailed."""
        with self.queue.held():
            tickets = self.queue.submit([self._task(job) for job in jobs], parameters)
            for job, ticket in zip(jobs, tickets, strict=True):
                self._note(job, ticket)
            for job, ticket in zip(jobs, tickets, strict=True):
                self._track(job, ticket)
        self.logger.info(f"Queued {named(jobs)} as {', '.join(ticket.id for ticket in tickets)}.")

    def _say_full(self, full: QueueFull) -> None:
        """Say once, until every job is queued, that jobs wait in this process."""
        if not self._is_full:
            self.logger.warning(f"The queue is full ({full}): what it does not take is submitted as soon as it does.")
        self._is_full = True

    def _submit_waiting(self) -> None:
        """Ask a queue that was full, not too often, whether it takes more."""
        if not self._submitting.acquire(blocking=False):
            return
        try:
            waiting, due = self._waiting, time.monotonic() >= self._asked_at + FULL_SECONDS
            while waiting and due:
                self._asked_at = time.monotonic()
                parameters, jobs = waiting.pop(0)
                if left := self._submit(jobs, parameters):
                    waiting.insert(0, (parameters, left))
                    break
            self._is_full = bool(waiting)
        finally:
            self._submitting.release()

    def _task(self, job: JobExecutorInterface) -> SnakemakeJob:
        command, delay, minutes = self.format_job_exec(job), self.settings.signal_delay, job.resources.get("runtime")
        delay = shortened(delay, int(minutes)) if minutes else delay
        grace, limit = SAVING_SHARE * delay, 60.0 * int(minutes) - delay if minutes else None
        if self.settings.cluster == "slurm":
            return SnakemakeJob(command, grace, limit, linger=True)
        gpus = self.workflow.global_resources.get("gpu")
        if gpus is not None and gpus.value is not None:
            return SnakemakeJob(command, grace, limit, int(job.resources.get("gpu", 0)), visible_devices(gpus.value))
        # where nobody counts GPUs a job sees those that this process sees, which submitit would hide
        named = os.environ.get("CUDA_VISIBLE_DEVICES")
        shown = "unset CUDA_VISIBLE_DEVICES" if named is None else f"export CUDA_VISIBLE_DEVICES={shlex.quote(named)}"
        return SnakemakeJob(f"{shown}\n{command}", grace, limit)

    def _track(self, job: JobExecutorInterface, ticket: Ticket) -> None:
        info = SubmittedJobInfo(job, external_jobid=ticket.id)
        self._tracked[ticket.id] = (info, ticket)
        self.report_job_submission(info)

    def _adopt(self, job: JobExecutorInterface) -> bool:
        """Whether an earlier call's job does this already; one that makes the same files otherwise is ended first."""
        if self._left is None:
            self._left = self._left_jobs()
        entry = self._left.pop(key(job), None)
        if entry is None:
            return False
        if entry.fingerprint != fingerprint(job):
            self.logger.info(f"Job {entry.ticket.id} of an earlier call makes the same files otherwise: it is ended.")
            self._end(entry.ticket)
            return False
        self.logger.info(f"Job {entry.ticket.id} of an earlier call does this already: it is waited for.")
        self._track(job, entry.ticket)
        return True

    def _left_jobs(self) -> dict[str, Entry]:
        """The jobs of earlier calls that still wait or run; the others are forgotten."""
        entries = self.ledger.entries()
        alive = self.queue.alive([entry.ticket for entry in entries.values()]) if entries else set()
        for name in [name for name, entry in entries.items() if entry.ticket.id not in alive]:
            self.ledger.forget(name)
            del entries[name]
        return entries

    def _end(self, ticket: Ticket) -> None:
        """Cancel a job, and wait until it writes no more."""
        self.queue.cancel([ticket])
        while self.queue.alive([ticket]):
            time.sleep(1)

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncIterator[SubmittedJobInfo]:
        """Report the jobs that have ended, and yield the others; then submit jobs that wait for room."""
        tickets = [self._tracked[info.external_jobid][1] for info in active_jobs if info.external_jobid]
        async with self.status_rate_limiter:
            outcomes = await asyncio.to_thread(self.queue.poll, tickets)
        for info in active_jobs:
            if outcome := outcomes.get(info.external_jobid or ""):
                self._report(info, outcome)
            else:
                yield info
        await asyncio.to_thread(self._submit_waiting)

    def _note(self, job: JobExecutorInterface, ticket: Ticket) -> None:
        """Write a submitted job down for later calls; a full disk must not end the workflow that runs it."""
        try:
            self.ledger.write(job, ticket)
        except OSError as error:
            self.logger.warning(f"Job {ticket.id} is not noted for later calls in {self.ledger.folder} ({error}).")

    def _report(self, info: SubmittedJobInfo, outcome: Outcome) -> None:
        _, ticket = self._tracked.pop(info.external_jobid or "")
        self.ledger.remove(info.job)
        if outcome.reason is None:
            self._tidy(ticket, self.settings.keep_logs)
            self.report_job_success(info)
            return
        if outcome.reason.startswith("CANCELLED"):
            stop_retries(info.job)
        log, ran = ticket.paths.stdout, ticket.paths.stdout.exists()
        end = f" The end of its log {log}:\n{last_lines(log)}\n" if ran else " "
        self._tidy(ticket, keep_log=True)
        said = f"Job {ticket.id} ended: {outcome.reason}.{end}"
        self.report_job_error(info, msg=said, aux_logs=[str(log)] if ran else [])

    def _tidy(self, ticket: Ticket, keep_log: bool) -> None:
        """Delete what nobody needs; a shared disk that is away must not end the workflow."""
        with suppress(OSError):
            remove_files(ticket, keep_log)

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """End every job of this call: also those that are just being asked about, and are not in `active_jobs`."""
        with self._submitting:
            self._waiting.clear()
        tracked = list(self._tracked.values())
        if tracked:
            self.logger.info(f"Cancelling {len(tracked)} jobs.")
        if not self.queue.cancel([ticket for _, ticket in tracked]):
            left = ", ".join(ticket.id for _, ticket in tracked)
            self.logger.error(f"The queue does not answer, so these jobs may go on: {left}. The next call finds them.")
            return
        for info, _ in tracked:
            self.ledger.remove(info.job)


def open_queue(settings: ExecutorSettings, grace: float, warn: Callable[[str], None]) -> Queue:
    """The queue that is asked for, with a folder of this call's own: another SLURM may give the same numbers.

    Raises WorkflowError where SLURM is asked for and is not there.
    """
    folder = settings.logdir / f"{datetime.now():%Y-%m-%d_%H%M%S}_{os.getpid()}"
    if settings.cluster == "debug":
        return DebugQueue(folder)
    if settings.cluster == "local":
        return LocalQueue(folder, settings.max_timeouts, grace)
    if missing := [name for name in ("sbatch", "srun", "scancel") if shutil.which(name) is None]:
        raise WorkflowError(
            f"SLURM's {missing[0]} is not on this machine's PATH: call Snakemake on a login node, or try without SLURM "
            "by --submitit-cluster local."
        )
    return SlurmQueue(folder, settings.max_timeouts, warn)


def place(cluster: str) -> str:
    """Which queue a job's number belongs to: of this machine, or of the SLURM that this environment names."""
    if cluster == "slurm":
        return " ".join(["slurm", *(os.environ[name] for name in CLUSTER_SETTINGS if name in os.environ)])
    return f"{cluster} {platform.node()}"


def batches(
    jobs: Sequence[JobExecutorInterface], parameters: Callable[[JobExecutorInterface], Parameters], largest: int
) -> Iterator[tuple[Parameters, list[JobExecutorInterface]]]:
    """Jobs with equal parameters together, at most so many at a time."""
    groups: list[tuple[Parameters, list[JobExecutorInterface]]] = []
    for job in jobs:
        wanted = parameters(job)
        group = next((group for known, group in groups if known == wanted and len(group) < largest), None)
        if group is None:
            groups.append((wanted, group := []))
        group.append(job)
    yield from groups


def stop_retries(job: Any) -> None:
    """Let Snakemake's `retries` leave this job alone: it would end the same way, or was ended by a person."""
    job.attempt = max(job.attempt, job.restart_times + 1)


def named(jobs: Sequence[JobExecutorInterface]) -> str:
    """`train` or `3 jobs of select, train`."""
    names = ", ".join(sorted({job.name for job in jobs}))
    return names if len(jobs) == 1 else f"{len(jobs)} jobs of {names}"
