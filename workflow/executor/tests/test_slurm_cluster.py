"""The test cluster behaves as a cluster does, and nothing of it survives."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import psutil
import pytest

from slurm_cluster import SlurmCluster
from slurm_fixture import require_slurm
from slurm_processes import processes_of

pytestmark = pytest.mark.slurm

TWO_GPUS = "--gpus-per-node=2"
ALLOCATE = "python3 -c 'import time; kept = bytearray(300 * 2**20); time.sleep(300)'"
ONCE_MORE = "if [ $SLURM_RESTART_COUNT ]; then echo again; else {first}; fi"
"""A job that runs `first` until it is requeued and then ends at once."""

LEFT_ALONE = """
import time
from slurm_cluster import SlurmCluster
with SlurmCluster(accounting=False) as cluster:
    job = cluster.submit("sleep 1000 & echo started; wait")
    cluster.wait_for(lambda: cluster.output(job), "the job runs")
    print(cluster.conf, flush=True)
    time.sleep(1000)
"""


@pytest.fixture(autouse=True)
def no_job_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "slurm" in request.fixturenames:
        request.getfixturevalue("slurm").clear()


def test_a_program_runs_on_the_node(slurm: SlurmCluster) -> None:
    assert slurm.run("srun", "hostname") == socket.gethostname()


def test_accounting_sees_how_a_job_ends(slurm: SlurmCluster) -> None:
    good, bad = slurm.submit("true"), slurm.submit("exit 3")
    slurm.wait_for(lambda: slurm.accounting(good) == ["COMPLETED"], "the good job is over")
    slurm.wait_for(lambda: slurm.accounting(bad) == ["FAILED"], "the bad job is over")
    assert slurm.states()[bad] == "FAILED"


def test_no_gpu_is_given_to_two_jobs_at_once(slurm: SlurmCluster) -> None:
    print_times = "echo $CUDA_VISIBLE_DEVICES $(date +%s.%N); sleep 0.7; date +%s.%N"
    jobs = [slurm.submit(print_times, "--gpus-per-node=1") for _ in range(5)]
    for job in jobs:
        slurm.wait_for_state(job, "COMPLETED")
    uses = [(device, float(start), float(end)) for device, start, end in (slurm.output(job).split() for job in jobs)]
    assert {device for device, _, _ in uses} == {"0", "1"}
    for (device, start, end), (other, other_start, other_end) in combinations(uses, 2):
        assert device != other or end <= other_start or other_end <= start


@pytest.mark.parametrize(
    ("partition", "first", "said"),
    [
        ("debug", "trap 'scontrol requeue $SLURM_JOB_ID' USR2; while sleep 0.1; do :; done", "REQUEUED"),
        ("nograce", "sleep 3600", "PREEMPTED"),
    ],
)
def test_a_job_that_gives_way_runs_again(slurm: SlurmCluster, partition: str, first: str, said: str) -> None:
    options = (f"--partition={partition}", TWO_GPUS, "--signal=B:USR2@60", "--time=60")
    job = slurm.submit(ONCE_MORE.format(first=first), *options)
    slurm.wait_for_state(job, "RUNNING")
    urgent = slurm.submit("true", "--partition=high", TWO_GPUS)
    slurm.wait_for(lambda: slurm.accounting(urgent) == ["COMPLETED"], "the urgent job ran")
    slurm.wait_for(lambda: slurm.accounting(job) == [said, "COMPLETED"], f"{said}, then run again")
    assert slurm.output(job) == "again\n"


def test_a_lost_nodes_job_runs_again(slurm: SlurmCluster) -> None:
    job = slurm.submit(ONCE_MORE.format(first="sleep 3600"))
    slurm.wait_for_state(job, "RUNNING")
    slurm.fail_node()
    slurm.wait_for(lambda: slurm.accounting(job)[0] == "NODE_FAIL", "the node is lost")
    slurm.resume_node()
    slurm.wait_for(lambda: slurm.accounting(job) == ["NODE_FAIL", "COMPLETED"], "run again on the node that came back")


@pytest.mark.parametrize("launcher", ["", "srun "])
def test_a_job_over_its_memory_is_killed(slurm: SlurmCluster, launcher: str) -> None:
    job = slurm.submit(launcher + ALLOCATE, "--mem=50M")
    slurm.wait_for(lambda: slurm.accounting(job) not in ([], ["PENDING"], ["RUNNING"]), "it was killed")
    if slurm.configuration.cgroups:
        slurm.wait_for(lambda: slurm.steps(job)[-1] == "OUT_OF_MEMORY", "SLURM says why")
    else:
        assert slurm.accounting(job) == ["FAILED"] and "exceeded memory limit" in slurm.output(job)


def test_without_accounting_only_squeue_knows(slurm_without_accounting: SlurmCluster) -> None:
    job = slurm_without_accounting.submit("exit 3")
    slurm_without_accounting.wait_for_state(job, "FAILED")
    with pytest.raises(RuntimeError, match="accounting storage is disabled"):
        slurm_without_accounting.accounting(job)


def test_nothing_survives_a_killed_session() -> None:
    require_slurm()
    command = [sys.executable, "-c", LEFT_ALONE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent) as session:
        try:
            assert session.stdout
            processes = processes_of(Path(session.stdout.readline().strip()))
            names = {process.name() for process in processes}
        finally:
            session.kill()
    assert names >= {"slurmctld", "slurmd", "slurmstepd", "sleep"}
    assert psutil.wait_procs(processes, timeout=120)[1] == []


def test_a_daemon_that_does_not_start_says_why(tmp_path: Path) -> None:
    require_slurm()
    cluster = SlurmCluster(tmp_path, accounting=False)
    cluster.configuration = replace(cluster.configuration, user="no-such-user")
    with pytest.raises(RuntimeError, match="slurmctld did not start") as raised, cluster:
        pass
    assert "Invalid user for SlurmUser no-such-user" in raised.value.__notes__[0]
