"""What is asked of SLURM, and what its answers and its silence mean; stand-ins speak for sacct and squeue."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest

from snakemake_executor_plugin_submitit import slurm as slurm_module
from snakemake_executor_plugin_submitit.queue import QueueFull, SubmissionFailed, Ticket
from snakemake_executor_plugin_submitit.slurm import SlurmQueue, sacct
from snakemake_executor_plugin_submitit.task import SnakemakeJob
from snakemake_executor_plugin_submitit.waiting import cure

NO_ACCOUNTS = "echo 'Slurm accounting storage is disabled' >&2; exit 1"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder


def write(programs: Path, name: str, script: str) -> None:
    """Write a stand-in that notes its arguments and prints a given text."""
    (programs / name).write_text(f'#!/bin/bash\necho "$@" >> {programs.parent}/{name}.asked\n{script}\n')
    (programs / name).chmod(0o755)


def asked(programs: Path, name: str) -> list[str]:
    path = programs.parent / f"{name}.asked"
    return path.read_text().splitlines() if path.exists() else []


def open_queue(programs: Path, *ids: str) -> tuple[SlurmQueue, list[Ticket], list[str]]:
    warnings: list[str] = []
    folder = programs.parent / "queue"
    return SlurmQueue(folder, 3, warnings.append), [Ticket(name, folder) for name in ids], warnings


def test_one_question_for_all_jobs(programs: Path) -> None:
    write(programs, "sacct", "echo '7|RUNNING'; echo '9_[0-2]|PENDING'")
    queue, tickets, warnings = open_queue(programs, "7", "9_0", "9_2", "8")
    assert queue.states(tickets) == {"7": "RUNNING", "9_0": "PENDING", "9_2": "PENDING"}
    assert len(asked(programs, "sacct")) == 1
    assert warnings == []
    assert sacct(tickets)[-1] == "--jobs=7,8,9"


def test_jobs_that_do_not_start_by_themselves_are_named_once_for_each_reason(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_module, "REASON_SECONDS", 0.0)
    write(programs, "sacct", "echo '7_[0-4]|PENDING'; echo '8|PENDING'; echo '9|RUNNING'")
    held = 'for job in 7_0 7_1 7_2 7_3; do echo "$job|PENDING|PartitionTimeLimit"; done'
    others = "echo '7_4|PENDING|Priority'; echo '9|RUNNING|None'; echo '10|PENDING|JobHeldUser'"
    write(programs, "squeue", f"{held}; {others}; echo '8|PENDING|Resources'")
    queue, tickets, warnings = open_queue(programs, *(f"7_{index}" for index in range(5)), "8", "9")
    for _ in range(2):
        queue.states(tickets)
    (limited,) = warnings
    assert "(PartitionTimeLimit): 7_0, 7_1, 7_2 and 1 more; " in limited and "`runtime`" in limited
    write(programs, "squeue", f"{held}; {others}; echo '8|PENDING|BadConstraints'")
    queue.states(tickets)
    assert "(BadConstraints): 8; " in warnings[1] and "`constraint`" in warnings[1]


def test_why_jobs_wait_is_asked_now_and_then(programs: Path) -> None:
    write(programs, "sacct", "echo '7|PENDING'")
    write(programs, "squeue", "exit 1")
    queue, tickets, warnings = open_queue(programs, "7")
    for _ in range(3):
        assert queue.states(tickets) == {"7": "PENDING"}
    assert (len(asked(programs, "squeue")), warnings) == (1, [])


@pytest.mark.parametrize(
    ("reason", "passes"),
    [
        *((reason, True) for reason in ("None", "Priority", "Resources", "Dependency", "BeginTime", "Licenses")),
        *((reason, True) for reason in ("QOSMaxJobsPerUserLimit", "QOSMaxCpuPerUserLimit", "AssocGrpCpuLimit")),
        *((reason, True) for reason in ("QOSGrpCPURunMinutesLimit", "ReqNodeNotAvail, UnavailableNodes:node7")),
        *((reason, False) for reason in ("PartitionTimeLimit", "JobHeldAdmin", "JobHoldMaxRequeue", "PartitionDown")),
        *((reason, False) for reason in ("QOSMaxWallDurationPerJobLimit", "AssocMaxWallDurationPerJobLimit")),
        *((reason, False) for reason in ("BadConstraints", "launch_failed_requeued_held", "PartitionNodeLimit")),
        *(
            (reason, False)
            for reason in ("InvalidAccount", "InvalidQOS", "QOSMaxGRESPerJob", "AssocGrpCPUMinutesLimit")
        ),
    ],
)
def test_which_reasons_do_not_pass_by_themselves(reason: str, passes: bool) -> None:
    assert (cure(reason) == "") is passes


def test_an_arrays_numbers_are_asked_for_whole(programs: Path) -> None:
    write(programs, "sacct", 'echo "7|LIMIT$SLURM_BITSTR_LEN"')
    queue, tickets, _ = open_queue(programs, "7")
    assert queue.states(tickets) == {"7": "LIMIT0"}


def test_without_accounts_the_controller_is_asked_from_then_on(programs: Path) -> None:
    write(programs, "sacct", NO_ACCOUNTS)
    write(programs, "squeue", "echo '7|RUNNING'")
    queue, tickets, warnings = open_queue(programs, "7")
    for _ in range(3):
        assert queue.states(tickets) == {"7": "RUNNING"}
    assert (len(asked(programs, "sacct")), len(asked(programs, "squeue"))) == (1, 3)
    assert warnings == []


def test_what_the_controller_has_forgotten_has_ended(programs: Path) -> None:
    """It forgets a job MinJobAge after its end, which may be sooner than it is asked."""
    write(programs, "sacct", NO_ACCOUNTS)
    write(programs, "squeue", "echo '7|RUNNING'")
    queue, tickets, _ = open_queue(programs, "7", "8")
    assert queue.states(tickets) == {"7": "RUNNING", "8": "ENDED"}
    write(programs, "squeue", "exit 1")
    assert queue.states(tickets) == {}


def test_silence_is_told_once_and_ends_no_job(programs: Path) -> None:
    for name in ("sacct", "squeue"):
        write(programs, name, f"echo '{name}: error: Connection refused' >&2; exit 1")
    queue, tickets, warnings = open_queue(programs, "7")
    for _ in range(3):
        assert queue.poll(tickets) == {}
    (warning,) = warnings
    assert "Connection refused" in warning
    write(programs, "sacct", "echo '7|RUNNING'")
    assert queue.states(tickets) == {"7": "RUNNING"}


def test_while_the_accounting_is_away_the_controller_is_asked(programs: Path) -> None:
    write(programs, "sacct", "echo 'sacct: error: Connection refused' >&2; exit 1")
    write(programs, "squeue", "echo '7|RUNNING'; echo '8|CANCELLED'")
    queue, tickets, warnings = open_queue(programs, "7", "8", "9")
    assert queue.states(tickets) == {"7": "RUNNING", "8": "CANCELLED"}, "nothing is said of a job nobody knows"
    assert warnings == []
    write(programs, "sacct", "echo '9|COMPLETED'")
    assert queue.states(tickets) == {"9": "COMPLETED"}


def test_whether_a_job_is_alive_waits_for_the_controllers_answer(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a job that runs, or is still being killed, would be submitted a second time, next to itself."""
    monkeypatch.setattr(slurm_module, "BUSY_SECONDS", 0.01)
    write(programs, "sacct", "echo '7|CANCELLED'; echo '8|COMPLETED'")
    answer = "echo '7|COMPLETING'; echo '8|COMPLETED'"
    write(programs, "squeue", f"[ $(wc -l < {programs.parent}/squeue.asked) -gt 2 ] || exit 1; {answer}")
    queue, tickets, _ = open_queue(programs, "7", "8", "9")
    assert queue.alive(tickets) == {"7"}
    assert len(asked(programs, "squeue")) == 3


def test_a_cancelling_that_nobody_heard_is_tried_again_and_told(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_module, "BUSY_SECONDS", 0.01)
    write(programs, "scancel", "echo 'scancel: error: Unable to contact slurm controller' >&2; exit 1")
    queue, tickets, _ = open_queue(programs, "7")
    assert not queue.cancel(tickets)
    assert len(asked(programs, "scancel")) == slurm_module.CANCEL_TRIES
    write(programs, "scancel", "exit 1")
    assert queue.cancel(tickets), "a job that has ended needs no cancelling"


OLD_SQUEUE = "case $* in *--me*) echo \"squeue: unrecognized option '--me'\" >&2; exit 1;; esac; echo '7|RUNNING'"


def test_an_old_slurm_is_asked_by_the_users_name(programs: Path) -> None:
    """squeue knows --me since SLURM 20.02."""
    write(programs, "sacct", NO_ACCOUNTS)
    write(programs, "squeue", OLD_SQUEUE)
    queue, tickets, warnings = open_queue(programs, "7")
    for _ in range(2):
        assert queue.states(tickets) == {"7": "RUNNING"}
    assert warnings == []
    options = [line.split()[0] for line in asked(programs, "squeue")]
    assert options == ["--me", *[f"--user={getpass.getuser()}"] * 2]


LIMIT = "sbatch: error: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"


@pytest.mark.parametrize(("others", "kind"), [("8|RUNNING", QueueFull), ("8|COMPLETED", SubmissionFailed)])
def test_a_limit_that_has_no_name_is_of_a_full_queue_if_there_are_jobs(
    programs: Path, others: str, kind: type[SubmissionFailed]
) -> None:
    """SLURM says the same of too long a job, which would be waited for in vain."""
    write(programs, "srun", "")
    write(programs, "sbatch", f'echo "{LIMIT}" >&2; exit 1')
    write(programs, "squeue", f"echo '{others}'")
    queue, _, _ = open_queue(programs)
    with pytest.raises(SubmissionFailed) as failed:
        queue.submit([SnakemakeJob("true", 1)], {"timeout_min": 5})
    assert type(failed.value) is kind
    assert not list(queue.folder.iterdir()), "nothing is left of the try"


def test_all_jobs_are_cancelled_at_once(programs: Path) -> None:
    write(programs, "scancel", "")
    queue, tickets, _ = open_queue(programs, "7", "9_0")
    queue.cancel(tickets)
    queue.cancel([])
    assert asked(programs, "scancel") == ["--quiet 7 9_0"]
