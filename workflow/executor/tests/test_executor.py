"""The executor's own decisions: which jobs go together, which are not retried, and which queue it opens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake_interface_common.exceptions import WorkflowError

from snakemake_executor_plugin_submitit.executor import batches, named, open_queue, stop_retries
from snakemake_executor_plugin_submitit.local import DebugQueue, LocalQueue
from snakemake_executor_plugin_submitit.settings import ExecutorSettings


@dataclass(frozen=True)
class Job:
    """What is asked of a job: its number stands for all else of it."""

    number: int
    name: str = "train"
    minutes: int = 10


@given(st.lists(st.sampled_from([10, 20, 30]), max_size=30), st.integers(min_value=1, max_value=7))
def test_batches_hold_every_job_once_and_none_too_many(minutes: list[int], largest: int) -> None:
    jobs = [Job(number, minutes=each) for number, each in enumerate(minutes)]
    found = list(batches(jobs, lambda job: {"timeout_min": job.minutes}, largest))
    assert sorted(job.number for _, batch in found for job in batch) == [job.number for job in jobs]
    assert all(0 < len(batch) <= largest for _, batch in found)
    assert all(parameters == {"timeout_min": job.minutes} for parameters, batch in found for job in batch)
    fewest = sum(-(-minutes.count(each) // largest) for each in set(minutes))
    assert len(found) == fewest


def test_named() -> None:
    assert named([Job(1)]) == "train"
    assert named([Job(1), Job(2)]) == "2 jobs of train"
    assert named([Job(1), Job(2, "select"), Job(3)]) == "3 jobs of select, train"


@pytest.mark.parametrize(("attempt", "restarts"), [(1, 0), (1, 3), (2, 3), (4, 3)])
def test_stop_retries(attempt: int, restarts: int) -> None:
    """Snakemake restarts a job where `restart_times > attempt - 1`."""

    @dataclass
    class Retried:
        attempt: int
        restart_times: int

    job = Retried(attempt, restarts)
    stop_retries(job)
    assert job.restart_times <= job.attempt - 1
    assert job.attempt >= attempt


def test_each_cluster_has_its_queue_in_a_folder_of_its_own(tmp_path: Path) -> None:
    kinds = {"debug": DebugQueue, "local": LocalQueue}
    for name, kind in kinds.items():
        queue = open_queue(ExecutorSettings(cluster=name, logdir=tmp_path), 10, print)
        assert type(queue) is kind
        assert queue.folder.parent == tmp_path


def test_slurm_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WorkflowError, match=r"sbatch is not on this machine's PATH.*--submitit-cluster local"):
        open_queue(ExecutorSettings(logdir=tmp_path), 10, print)
