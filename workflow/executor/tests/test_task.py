"""How a job ends: by itself, by USR2 and a second run, or by TERM without a result."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from submitit import LocalExecutor, LocalJob

from snakemake_executor_plugin_submitit.processes import Group
from snakemake_executor_plugin_submitit.task import CommandFailed, SnakemakeJob
from watching import MARK, alive, kill_marked, marked, until

GOES_ON = """
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
with (folder / "starts").open("a") as starts:
    print("start", file=starts)
if (folder / "state").exists():
    sys.exit()
def save(number, frame):
    (folder / "state").touch()
    sys.exit(75)
signal.signal(signal.SIGUSR2, save)
(folder / "ready").touch()
time.sleep(60)
"""


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv(MARK, str(tmp_path))
    yield str(tmp_path)
    kill_marked(str(tmp_path))


def submitted(folder: Path, command: str, grace: float = 10) -> LocalJob[None]:
    executor = LocalExecutor(folder / "submitit")
    executor.update_parameters(timeout_min=60, stderr_to_stdout=True)
    return executor.submit(SnakemakeJob(command, grace))


def task_of(job: LocalJob[None]) -> psutil.Process:
    """Return the process in which submitit runs a job; the number of the job is that of a process which watches."""
    (task,) = psutil.Process(int(job.job_id)).children()
    return task


def test_a_command_that_succeeds_is_a_success(tmp_path: Path, mark: str) -> None:
    job = submitted(tmp_path, f"echo done > {tmp_path}/out")
    assert job.result() is None
    assert (tmp_path / "out").read_text() == "done\n"
    until(lambda: not marked(mark), "nothing is left", 10)


def test_a_command_that_fails_is_a_failure(mark: str) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(CommandFailed, match="status 3"):
        SnakemakeJob("exit 3", grace=10)()
    assert signal.getsignal(signal.SIGTERM) is before
    until(lambda: not marked(mark), "nothing is left", 5)


def test_usr2_has_the_command_save_and_go_on_in_a_second_run(tmp_path: Path, mark: str) -> None:
    job = submitted(tmp_path, shlex.join([sys.executable, "-c", GOES_ON, str(tmp_path)]))
    until((tmp_path / "ready").exists, "the command is ready to save")
    task_of(job).send_signal(signal.SIGUSR2)
    assert job.result() is None
    assert (tmp_path / "starts").read_text() == "start\n" * 2
    assert "was asked to save its state" in (job.stdout() or "")


def test_usr2_starts_a_command_anew_that_does_not_heed_it(tmp_path: Path, mark: str) -> None:
    starts = tmp_path / "starts"
    job = submitted(tmp_path, f"echo start >> {starts}; [ $(wc -l < {starts}) -gt 1 ] || sleep 60")
    until(starts.exists, "the command runs")
    task_of(job).send_signal(signal.SIGUSR2)
    assert job.result() is None
    assert starts.read_text() == "start\n" * 2


def test_term_ends_a_job_without_a_result(tmp_path: Path, mark: str) -> None:
    got = tmp_path / "got"
    job = submitted(tmp_path, f"trap 'echo TERM > {got}; exit 1' TERM; touch {tmp_path}/ready; sleep 60 & wait")
    until((tmp_path / "ready").exists, "the command is ready")
    psutil.Process(int(job.job_id)).terminate()
    until(lambda: not marked(mark), "all have ended", 20)
    assert got.read_text() == "TERM\n"
    assert not job.paths.result_pickle.exists()


def test_on_slurm_a_terminated_job_waits_for_its_end(tmp_path: Path, mark: str) -> None:
    """Its exit would be taken for the job's end while SLURM is about to start it again."""
    executor = LocalExecutor(tmp_path / "submitit")
    executor.update_parameters(timeout_min=60)
    job = executor.submit(SnakemakeJob(f"touch {tmp_path}/ready; sleep 60", 10, linger=True))
    until((tmp_path / "ready").exists, "the command runs")
    task = task_of(job)
    task.terminate()
    until(lambda: not any(alive(child.pid) for child in task.children(recursive=True)), "the command has ended", 10)
    with pytest.raises(psutil.TimeoutExpired):
        task.wait(2)
    assert not job.paths.result_pickle.exists()


def test_a_job_sees_its_own_gpus_alone(tmp_path: Path, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6,7")
    devices = [f"{uuid.uuid4()}" for _ in range(2)]
    for count, expected in {2: ",".join(devices), 1: devices[0], 0: ""}.items():
        SnakemakeJob(f'echo "$CUDA_VISIBLE_DEVICES" > {tmp_path}/seen', 10, None, count, devices)()
        assert (tmp_path / "seen").read_text().strip() == expected
    SnakemakeJob(f'echo "$CUDA_VISIBLE_DEVICES" > {tmp_path}/seen', 10)()
    assert (tmp_path / "seen").read_text().strip() == "5,6,7"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "5,6,7"


@pytest.mark.parametrize(("limit", "again"), [(60.0, False), (1000.0, True), (None, True)])
def test_a_job_that_cannot_save_is_queued_again_unless_its_time_is_up(limit: float | None, again: bool) -> None:
    """Near its time limit it would only take as long once more; preempted before that, it may have the time."""
    job = SnakemakeJob("sleep 100", 1, limit)
    job._group = Group(job.command, os.environ)
    assert (job.checkpoint() is not None) == again
    group = job._group
    until(lambda: not group.members(), "the command is killed", 10)
    job._group.close()


def test_a_job_that_saves_is_queued_again_when_its_time_is_up(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = "import pathlib, signal, sys; signal.signal(signal.SIGUSR2, lambda *_: sys.exit(75)); "
    code += f"pathlib.Path('{ready}').touch(); signal.pause()"
    job = SnakemakeJob(f'{sys.executable} -c "{code}"', 10, 60.0)
    job._group = Group(job.command, os.environ)
    until(ready.exists, "it handles the signal", 20)
    assert job.checkpoint() is not None
    job._group.close()
