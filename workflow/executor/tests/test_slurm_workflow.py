"""Real Snakemake on a real SLURM: what becomes of jobs that are preempted, cancelled, lost, or orphaned."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slurm_cluster import SlurmCluster

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

COUNTER = Path(__file__).with_name("counter.py")
COUNT = f"{sys.executable} {COUNTER} {{output}}"


class Head:
    """A Snakemake at work in a folder, on a cluster."""

    def __init__(self, cluster: SlurmCluster, folder: Path, rules: str, *flags: str) -> None:
        self.cluster, self.folder, self.flags = cluster, folder, flags
        (folder / "Snakefile").write_text(rules)
        self.log = folder / "head.log"

    def start(self, *flags: str) -> subprocess.Popen[bytes]:
        always = ("--executor", "submitit", "--jobs", "20", "--seconds-between-status-checks", "1", "--keep-going")
        with self.log.open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "snakemake", *always, *self.flags, *flags],
                cwd=self.folder,
                env=self.cluster.environment,
                stdout=log,
                stderr=log,
            )

    def story(self, name: str) -> list[list[str]]:
        path = self.folder / f"{name}.story"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def wait_for_start(self, *names: str, times: int = 1) -> None:
        def started() -> bool:
            return all([line[0] for line in self.story(name)].count("start") >= times for name in names)

        self.cluster.wait_for(started, f"{names} have started {times} times", seconds=600)

    def ids(self) -> list[str]:
        """Of the jobs of this folder that SLURM still queues or runs."""
        columns = ("--noheader", "--array", "--format=%i|%Z")
        lines = [line.split("|") for line in self.cluster.run("squeue", *columns).splitlines()]
        return [job for job, folder in lines if Path(folder) == self.folder]

    def said(self) -> str:
        return self.log.read_text()


def rule(name: str, count: int | str, resources: str = "runtime=30", script: str = COUNT) -> str:
    return f"""
rule {name.partition("{")[0]}:
    output: "{name}.txt"
    log: "{name}.log"
    resources: {resources}, mem_mb=200
    shell: "{script} {count} >> {{log}} 2>&1"
"""


def everything(*names: str) -> str:
    return f"rule all:\n    input: {', '.join(repr(f'{name}.txt') for name in names)}\n"


def job_of(head: Head, name: str) -> str:
    """Return the number under which SLURM has a rule's job."""
    lines = [line for line in head.said().splitlines() if line.startswith(f"Queued {name} as ")]
    return lines[0].removeprefix(f"Queued {name} as ").rstrip(".")


GREEDY = f"{sys.executable} -c 'import time; hoard = bytearray(400_000_000); time.sleep(60)' {{output}}"
FATES = {
    "fine": rule("fine", 5),
    "failing": rule("failing", 0, script="echo the last words; false {output}"),
    "greedy": rule("greedy", 0, script=GREEDY),
    "cancelled": rule("cancelled", 600),
    "requeued": rule("requeued", "10 2"),
    "limited": rule("limited", "10 2", resources="runtime=3"),  # USR2 after 85 s at the earliest: it has begun by then
    "preempted": rule("preempted", "10 2", resources="runtime=30, gpu=2"),
}


@pytest.fixture(scope="module")
def fates(slurm: SlurmCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Head, int]]:
    """One workflow whose jobs meet with everything that can happen to a job."""
    flags = ("--submitit-signal-delay", "35", "--submitit-array", "1", "--retries", "1")
    head = Head(slurm, tmp_path_factory.mktemp("fates"), everything(*FATES) + "".join(FATES.values()), *flags)
    process = head.start()
    head.wait_for_start("cancelled", "requeued", "limited", "preempted")
    slurm.cancel(job_of(head, "cancelled"))
    slurm.requeue(job_of(head, "requeued"))
    slurm.submit("sleep 3", "--partition=high", "--gres=gpu:1", "--mem=100")
    yield head, process.wait(timeout=900)


def test_what_can_be_made_is_made(fates: tuple[Head, int]) -> None:
    head, status = fates
    made = {path.stem for path in head.folder.glob("*.txt")}
    assert made == {"fine", "requeued", "limited", "preempted"}, head.said()
    assert status == 1, "some jobs failed"


@pytest.mark.parametrize(("name", "by"), [("requeued", "SIGTERM"), ("limited", "SIGUSR2"), ("preempted", "SIGUSR2")])
def test_a_job_that_is_queued_again_goes_on_where_it_was(fates: tuple[Head, int], name: str, by: str) -> None:
    head, _ = fates
    starts = [line for line in head.story(name) if line[0] == "start"]
    stops = [line for line in head.story(name) if line[0] == "stop"]
    assert len(starts) == len(stops) + 1 >= 2, head.story(name)
    assert [start[1] for start in starts[1:]] == [stop[1] for stop in stops], "each start is from the last saved state"
    assert {stop[2] for stop in stops} == {by}
    assert head.said().count(f"Queued {name} as ") == 1, "Snakemake submitted it once"


def test_a_failing_job_is_retried_and_reported_with_its_last_words(fates: tuple[Head, int]) -> None:
    head, _ = fates
    assert head.said().count("Queued failing as ") == 2
    _, _, report = head.said().partition(f"Job {job_of(head, 'failing')} ended: ")
    assert ".snakemake/submitit/" in report.splitlines()[0], "the log is named"
    assert "the last words" in report


def test_a_job_over_its_memory_is_named_so(fates: tuple[Head, int]) -> None:
    head, _ = fates
    word = "OUT_OF_MEMORY" if head.cluster.configuration.cgroups else ""  # SLURM says so only where it uses cgroups
    assert f"Job {job_of(head, 'greedy')} ended: {word}" in head.said()


def test_a_cancelled_job_is_named_so_and_not_retried(fates: tuple[Head, int]) -> None:
    head, _ = fates
    assert f"Job {job_of(head, 'cancelled')} ended: CANCELLED" in head.said()
    assert head.said().count("Queued cancelled as ") == 1
    assert [line[0] for line in head.story("cancelled")] == ["start", "stop"], "it could save its state"


def test_logs_of_failures_are_kept_and_others_are_not(fates: tuple[Head, int]) -> None:
    head, _ = fates
    kept = {path.name.partition("_")[0] for path in head.folder.glob(".snakemake/submitit/*/*log.out")}
    assert job_of(head, "failing") in kept
    assert job_of(head, "fine") not in kept
    assert not list(head.folder.glob(".snakemake/submitit/*/*.pkl"))


def test_two_gpus_serve_two_jobs_at_a_time_sent_as_one_array(slurm: SlurmCluster, tmp_path: Path) -> None:
    names = [f"train{index}" for index in range(5)]
    head = Head(slurm, tmp_path, everything(*names) + rule("train{index}", 15, resources="runtime=30, gpu=1"))
    assert head.start().wait(timeout=900) == 0, head.said()
    assert "Queued 5 jobs of train as " in head.said()
    times = [{line[0]: float(line[3]) for line in head.story(name)} for name in names]
    moments = sorted([(t["start"], 1) for t in times] + [(t["end"], -1) for t in times])
    busy = [sum(change for _, change in moments[: index + 1]) for index in range(len(moments))]
    assert max(busy) == 2
    assert {line[2] for name in names for line in head.story(name)[:1]} == {"gpu=0", "gpu=1"}


def test_ctrl_c_cancels_what_runs_and_what_waits(slurm: SlurmCluster, tmp_path: Path) -> None:
    names = ("first", "second", "third")
    rules = "".join(rule(name, 600, resources="runtime=30, gpu=1") for name in names)
    head = Head(slurm, tmp_path, everything(*names) + rules)
    process = head.start()
    head.cluster.wait_for(lambda: len(head.ids()) == 3 and any(map(head.story, names)), "three jobs are queued", 600)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=900)
    slurm.wait_for(lambda: not head.ids(), "no job is left", seconds=600)
    assert not list((tmp_path / ".snakemake" / "submitit-ledger").glob("*.json"))


def test_jobs_that_slurm_never_starts_are_named_once_with_the_cure(slurm: SlurmCluster, tmp_path: Path) -> None:
    resources = 'runtime=30, slurm_partition="short"'
    head = Head(slurm, tmp_path, everything("one", "two") + rule("one", 2) + rule("two", 2, resources=resources))
    process = head.start()
    slurm.wait_for(lambda: "(PartitionTimeLimit)" in head.said(), "the reason is said", 600)
    slurm.wait_for((tmp_path / "one.txt").exists, "the other job is done", 600)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=900)
    said = f"SLURM does not start these jobs by itself (PartitionTimeLimit): {job_of(head, 'two')}; "
    assert head.said().count("SLURM does not start") == head.said().count(said) == 1
    assert "lower `runtime` of their rule in the profile" in head.said()


def test_a_head_that_was_killed_finds_its_jobs_again(slurm: SlurmCluster, tmp_path: Path) -> None:
    names = ("one", "two")
    head = Head(slurm, tmp_path, everything(*names) + rule("one", "20 2") + rule("two", "40 2"))
    process = head.start()
    slurm.wait_for(lambda: len(list(tmp_path.glob("*.saved"))) == 2, "both have saved their state", 600)
    process.kill()
    process.wait()
    before = set(head.ids())
    slurm.fail_node()
    slurm.wait_for(lambda: slurm.node_state().startswith("down"), "the node is lost")
    assert head.start("--unlock").wait(timeout=900) == 0
    again = head.start("--rerun-incomplete")
    slurm.wait_for(lambda: head.said().count("of an earlier call does this already") == 2, "both are found", 600)
    assert set(head.ids()) == before, "nothing was submitted twice"
    slurm.resume_node()
    assert again.wait(timeout=900) == 0, head.said()
    for name in names:
        starts = [int(line[1]) for line in head.story(name) if line[0] == "start"]
        assert len(starts) == 2 and starts[1] > 0, "the lost node killed each once, and each went on"


def test_without_accounting_the_controller_is_asked(slurm_without_accounting: SlurmCluster, tmp_path: Path) -> None:
    names = ("fine", "failing", "cancelled", "limited")
    flags = ("--submitit-signal-delay", "45", "--submitit-max-timeouts", "0")
    rules = everything(*names) + "".join(FATES[name] for name in names)
    head = Head(slurm_without_accounting, tmp_path, rules, *flags)
    process = head.start()
    head.wait_for_start("cancelled")
    slurm_without_accounting.cancel(job_of(head, "cancelled"))
    assert process.wait(timeout=900) == 1
    assert {path.stem for path in tmp_path.glob("*.txt")} == {"fine"}, head.said()
    assert f"Job {job_of(head, 'cancelled')} ended: CANCELLED" in head.said()
    assert f"Job {job_of(head, 'limited')} ended: TIMEOUT" in head.said()


def test_a_full_queue_is_waited_for_and_a_limit_on_time_is_not(slurm_of_two: SlurmCluster, tmp_path: Path) -> None:
    """The three that ask for the same are one array, of which two fit; the fourth asks for more than an hour."""
    names = ["count1", "count2", "count3"]
    rules = [*(rule(name, 2) for name in names), rule("long", 2, resources="runtime=61")]
    head = Head(slurm_of_two, tmp_path, everything(*names, "long") + "".join(rules), "--retries", "1")
    assert head.start().wait(timeout=900) == 1, head.said()
    assert {path.stem for path in tmp_path.glob("*.txt")} == set(names), head.said()
    assert head.said().count("The queue is full") == 1
    assert "QOSMaxSubmitJobPerUserLimit" in head.said()
    assert head.said().count("The queue did not take the job: ") == 1, "it is not asked twice for what is never allowed"
    assert "QOSMaxWallDurationPerJobLimit" in head.said()
    left = [path for path in tmp_path.glob(".snakemake/submitit/*/*") if path.suffix in (".pkl", ".sh")]
    assert not [path for path in left if path.exists()], "nothing is left of the tries"


def test_jobs_that_wait_for_room_are_never_submitted_after_ctrl_c(slurm_of_two: SlurmCluster, tmp_path: Path) -> None:
    names = ["count1", "count2", "count3"]
    head = Head(slurm_of_two, tmp_path, everything(*names) + "".join(rule(name, 600) for name in names))
    process = head.start()
    slurm_of_two.wait_for(lambda: "The queue is full" in head.said(), "the queue is full", 600)
    slurm_of_two.wait_for(lambda: len(head.ids()) == 2, "two jobs are queued")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=900) != 0
    slurm_of_two.wait_for(lambda: not head.ids(), "all jobs are cancelled", 600)
    assert head.said().count("Queued ") == 2
