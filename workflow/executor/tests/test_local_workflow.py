"""Real Snakemake runs of a toy workflow, on this machine: what a user sees, and what is left behind."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen

import pytest

from toy import Toy, interrupt
from watching import until

LOCAL = ("--submitit-cluster", "local")
SLURM = ("--submitit-cluster", "slurm", "--default-resources", "runtime=10")

MIXED = """
rule all:
    input: "good.txt", "bad.txt"
rule good:
    output: "good.txt"
    shell: "echo made by good > {output}; echo said by good"
rule bad:
    output: "bad.txt"
    shell: "echo start >> bad.starts; echo the reason why; exit 3"
"""
LASTING = """
rule lasting:
    output: "lasting.txt"
    shell: "trap 'echo TERM > got; exit 1' TERM; touch ready; sleep 3600 & wait"
"""
GPUS = """
rule all:
    input: expand("{i}.txt", i=range(3))
rule gpu:
    output: "{i}.txt"
    resources: gpu=1
    shell: "gpu=$CUDA_VISIBLE_DEVICES; mkdir ../used-$gpu; sleep 0.5; rmdir ../used-$gpu; echo $gpu > {output}"
"""
LIMITED = f"""
rule limited:
    output: "limited.txt"
    resources: runtime=1
    shell: "{sys.executable} limited.py; touch {{output}}"
"""
LIMITED_PY = """
import pathlib, signal, sys, time
with open("limited.log", "a") as log:
    print("start", file=log, flush=True)
    if pathlib.Path("state").exists():
        sys.exit()
    def save(number, frame):
        pathlib.Path("state").touch()
        print("saved", file=log, flush=True)
        sys.exit(75)
    signal.signal(signal.SIGUSR2, save)
    time.sleep(600)
"""
RESTARTED = """
from pathlib import Path
rule all:
    input: "ended.txt", "same.txt", "changed.txt"
rule ended:
    output: "ended.txt"
    shell: "echo start >> ended.log; until [ -e end ]; do sleep 0.1; done; echo end >> ended.log; touch {output}"
rule same:
    output: "same.txt"
    params: begun=lambda wildcards, output: Path("same.log").exists()
    shell: "touch {output}; echo start >> same.log; until [ -e adopted ]; do sleep 0.1; done; echo end >> same.log"
rule changed:
    output: "changed.txt"
    params: rate=config["rate"]
    shell:
        "trap 'echo TERM >> changed.log; exit 1' TERM; echo start {params.rate} >> changed.log;"
        "while [ {params.rate} = 1 ]; do sleep 0.1; done; touch {output}"
"""


@pytest.fixture
def start_toy(tmp_path: Path) -> Iterator[Callable[..., Toy]]:
    """Make toy workflows in folders side by side."""
    with ExitStack() as toys:
        yield lambda snakefile, name="toy": toys.enter_context(Toy(tmp_path / name, snakefile))


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Toy, Popen[bytes]]]:
    """Start a workflow of a job that takes longer than allowed; yield the workflow and the running head."""
    with Toy(tmp_path_factory.mktemp("limited") / "toy", LIMITED) as toy:
        (toy.folder / "limited.py").write_text(LIMITED_PY)
        yield toy, toy.start(*LOCAL)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, limited: tuple[Toy, Popen[bytes]]) -> Iterator[Toy]:
    """Run a workflow of which one job succeeds and one fails twice, next to another workflow."""
    with Toy(tmp_path_factory.mktemp("mixed") / "toy", MIXED) as toy:
        assert toy.run(*LOCAL, "--keep-going", "--retries", "1") == 1
        yield toy


@pytest.mark.slow
def test_a_job_that_succeeds_leaves_its_output_and_no_log(mixed: Toy) -> None:
    assert mixed.lines("good.txt") == ["made by good"]
    assert not [log for log in mixed.left_logs() if "said by good" in log.read_text()]


@pytest.mark.slow
def test_a_job_that_fails_is_reported_with_its_log_and_its_last_words(mixed: Toy) -> None:
    log = mixed.left_logs()[-1]
    _, _, report = mixed.said.rpartition("The end of its log ")
    assert str(log) in mixed.said
    assert "the reason why" in report
    assert "the command ended with status 1" in mixed.said


@pytest.mark.slow
def test_a_job_that_fails_is_retried(mixed: Toy) -> None:
    assert mixed.lines("bad.starts") == ["start"] * 2
    assert "Queued 2 jobs of bad, good as " in mixed.said
    assert "Queued bad as " in mixed.said
    assert len(mixed.left_logs()) == 2


@pytest.mark.slow
def test_an_ended_workflow_leaves_no_process_and_no_note(mixed: Toy) -> None:
    mixed.assert_nothing_runs()
    assert not list((mixed.folder / ".snakemake" / "submitit-ledger").iterdir())


@pytest.mark.slow
def test_debug_runs_jobs_within_snakemake(start_toy: Callable[..., Toy]) -> None:
    toy = start_toy(MIXED)
    assert toy.run("--submitit-cluster", "debug", "--keep-going") == 1
    assert toy.lines("good.txt") == ["made by good"]
    assert toy.lines("bad.starts") == ["start"]
    assert "said by good" in toy.said
    assert "the command ended with status 1" in toy.said
    assert "(Pdb)" not in toy.said
    assert "_log.out" not in toy.said, "what was said is on the terminal, and in no log"


def offline_options(folder: Path, **scripts: str) -> str:
    """Return a PATH on which SLURM's commands are these scripts."""
    programs = folder / "bin"
    programs.mkdir()
    for name in ("sbatch", "srun", "scancel", "sacct"):
        program = programs / name
        program.write_text(f"#!/bin/bash\n{scripts.get(name, '')}\n")
        program.chmod(0o755)
    return f"{programs}:/usr/local/bin:/usr/bin:/bin"


def test_a_refused_submission_is_reported_and_not_retried(start_toy: Callable[..., Toy]) -> None:
    toy = start_toy(LASTING)
    path = offline_options(toy.folder, sbatch="echo asked >> asked; echo 'sbatch: error: Invalid account' >&2; exit 1")
    assert toy.run(*SLURM, "--retries", "2", PATH=path) == 1
    assert "did not take the job: sbatch: error: Invalid account" in toy.said
    assert toy.lines("asked") == ["asked"]


def test_a_job_whose_submission_is_interrupted_is_cancelled(start_toy: Callable[..., Toy]) -> None:
    toy = start_toy(LASTING)
    scripts = {"sbatch": "kill -INT 0; sleep 0.5; echo Submitted batch job 4711", "scancel": 'echo "$@" >> cancelled'}
    assert toy.run(*SLURM, PATH=offline_options(toy.folder, sacct="echo '4711|PENDING'", **scripts)) == 1
    assert [line.split()[-1] for line in toy.lines("cancelled")] == ["4711"]


@pytest.mark.slow
def test_ctrl_c_ends_the_jobs_of_its_own_workflow(start_toy: Callable[..., Toy]) -> None:
    one, other = start_toy(LASTING, "one"), start_toy(LASTING, "other")
    heads = [toy.start(*LOCAL) for toy in (one, other)]
    one.wait_for("ready")
    other.wait_for("ready")
    for toy, head, group in ((one, heads[0], False), (other, heads[1], True)):
        assert head.poll() is None
        assert not toy.lines("got")
        assert interrupt(head, group) == 1
        toy.assert_nothing_runs()
        assert toy.lines("got") == ["TERM"]
        assert not list((toy.folder / ".snakemake" / "submitit-ledger").iterdir())


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    """Run a workflow whose head is killed, and which a next head ends, with another `rate`."""
    with Toy(tmp_path_factory.mktemp("restarted") / "toy", RESTARTED) as toy:
        head = toy.start(*LOCAL, "--config", "rate=1")
        toy.wait_for("ended.log", "same.log", "changed.log")
        head.kill()
        head.wait()
        (toy.folder / "end").touch()
        toy.wait_for("ended.txt")
        until(lambda: toy.running() == 2, "the job that could end has ended")
        assert toy.run("--unlock", "--config", "rate=2") == 0
        head = toy.start(*LOCAL, "--rerun-incomplete", "--config", "rate=2")
        until(lambda: "it is waited for" in toy.said, "the next head has found a job")
        (toy.folder / "adopted").touch()
        assert head.wait(timeout=900) == 0, toy.said
        yield toy


@pytest.mark.slow
def test_a_job_of_a_killed_head_is_waited_for(restarted: Toy) -> None:
    assert restarted.lines("same.log") == ["start", "end"]


@pytest.mark.slow
def test_a_job_that_ended_without_its_head_is_not_run_again(restarted: Toy) -> None:
    assert restarted.lines("ended.log") == ["start", "end"]


@pytest.mark.slow
def test_a_job_of_a_killed_head_that_does_otherwise_is_ended_first(restarted: Toy) -> None:
    assert restarted.lines("changed.log") == ["start 1", "TERM", "start 2"]


@pytest.mark.slow
def test_nothing_is_left_of_either_head(restarted: Toy) -> None:
    restarted.assert_nothing_runs()
    assert not list((restarted.folder / ".snakemake" / "submitit-ledger").iterdir())


@pytest.mark.slow
def test_never_two_jobs_on_a_gpu_not_even_of_two_workflows(start_toy: Callable[..., Toy]) -> None:
    """Each job marks its GPU as used with a folder, and fails where that is there already."""
    one, other = start_toy(GPUS, "one"), start_toy(GPUS, "other")
    gpus = [f"GPU-{uuid.uuid4()}" for _ in range(2)]  # nobody else's locks
    flags, visible = (*LOCAL, "--resources", "gpu=2"), f"{gpus[0]},{gpus[1]},GPU-that-is-left-alone"
    heads = [
        one.start(*flags, CUDA_VISIBLE_DEVICES=visible),
        other.start("0.txt", "1.txt", *flags, CUDA_VISIBLE_DEVICES=visible),
    ]
    for toy, head in zip((one, other), heads, strict=True):
        assert head.wait(timeout=900) == 0, toy.said
        toy.assert_nothing_runs()
    seen = [line for toy in (one, other) for number in range(3) for line in toy.lines(f"{number}.txt")]
    assert set(seen) == set(gpus)
    assert len(seen) == 5


@pytest.mark.slow
def test_a_job_near_its_time_limit_saves_and_goes_on(limited: tuple[Toy, Popen[bytes]]) -> None:
    toy, head = limited
    assert head.wait(timeout=900) == 0, toy.said
    assert toy.lines("limited.log") == ["start", "saved", "start"]
    toy.assert_nothing_runs()


def test_a_ledger_that_cannot_be_written_ends_no_workflow(tmp_path: Path) -> None:
    """The job is queued by then: a head that ended would leave it alone."""
    with Toy(tmp_path / "toy", 'rule good:\n    output: "good.txt"\n    shell: "touch {output}"\n') as toy:
        (toy.folder / ".snakemake").mkdir()
        (toy.folder / ".snakemake" / "submitit-ledger").touch()
        assert toy.run(*LOCAL) == 0, toy.said
        assert "is not noted for later calls in .snakemake/submitit-ledger (" in toy.said
        assert (toy.folder / "good.txt").exists()
