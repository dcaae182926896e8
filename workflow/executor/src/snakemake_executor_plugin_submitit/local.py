"""This machine as a queue: processes that outlive their Snakemake, or none at all."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

import cloudpickle
import psutil
from submitit import DebugExecutor, LocalExecutor, LocalJob

from snakemake_executor_plugin_submitit.queue import Queue, Ticket, submission_environment, submit_all
from snakemake_executor_plugin_submitit.resources import Parameters
from snakemake_executor_plugin_submitit.task import SnakemakeJob


class LocalQueue(Queue):
    """Jobs as processes of this machine, all started at once: Snakemake's resources limit how many there are."""

    def __init__(self, folder: Path, max_timeouts: int, grace: float) -> None:
        super().__init__(folder)
        self.max_timeouts = max_timeouts
        self.grace = grace
        self._jobs: dict[str, LocalJob[None]] = {}

    def submit(self, jobs: Sequence[SnakemakeJob], parameters: Parameters) -> list[Ticket]:
        executor = LocalExecutor(self.folder, max_num_timeout=self.max_timeouts)
        executor.update_parameters(**parameters)
        submitted = submit_all(executor, jobs)
        self._jobs.update({job.job_id: job for job in submitted})
        return [Ticket(job.job_id, self.folder) for job in submitted]

    def states(self, tickets: Sequence[Ticket]) -> dict[str, str]:
        return {ticket.id: "RUNNING" if self._controller(ticket) else "ENDED" for ticket in tickets}

    def cancel(self, tickets: Sequence[Ticket]) -> bool:
        """End these jobs: they have the time to save their state, and are killed then."""
        controllers = [found for ticket in tickets if (found := self._controller(ticket))]
        for controller in controllers:
            with suppress(psutil.NoSuchProcess):  # it has just ended
                controller.terminate()  # it passes this on to its job
        _, left = psutil.wait_procs(controllers, timeout=self.grace)
        for controller in left:
            _kill(controller)
        return True

    def _controller(self, ticket: Ticket) -> psutil.Process | None:
        """submitit's process that looks after a job, if it lives."""
        job = self._jobs.get(ticket.id)
        if job and job.done():
            return None
        try:
            process = psutil.Process(int(ticket.id))
            known = job or str(ticket.folder) in process.cmdline()  # else the number may be another's by now
        except psutil.Error:
            return None
        return process if known else None


def _kill(controller: psutil.Process) -> None:
    """Kill a process with its children; what these have started follows, as it is guarded."""
    with suppress(psutil.NoSuchProcess):
        for process in (*controller.children(), controller):
            with suppress(psutil.NoSuchProcess):
                process.kill()


class DebugQueue(Queue):
    """Jobs run one after the other while they are submitted, with their output on this terminal."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._numbers = itertools.count(1)

    def held(self) -> AbstractContextManager[None]:
        """Jobs end while they are submitted, so that Ctrl-C must not wait."""
        return nullcontext()

    def submit(self, jobs: Sequence[SnakemakeJob], parameters: Parameters) -> list[Ticket]:
        return [self._run(job) for job in jobs]

    def _run(self, job: SnakemakeJob) -> Ticket:
        ticket = Ticket(f"debug{next(self._numbers)}", self.folder)
        with submission_environment():
            error = DebugExecutor(self.folder).submit(job).exception()  # result() would open a debugger on an error
        result = ("error", "".join(traceback.format_exception(error))) if error else ("success", None)
        self.folder.mkdir(parents=True, exist_ok=True)
        ticket.paths.result_pickle.write_bytes(cloudpickle.dumps(result))
        return ticket

    def states(self, tickets: Sequence[Ticket]) -> dict[str, str]:
        return {ticket.id: "ENDED" for ticket in tickets}

    def cancel(self, tickets: Sequence[Ticket]) -> bool:
        """Nothing is left to cancel."""
        return True
