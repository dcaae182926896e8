"""The project's own grid on a real SLURM: preempted, requeued and killed, its trainings end with the same weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from slurm_cluster import SlurmCluster
from tests.support.pipeline import of_runs, weights

ROOT = Path(__file__).parents[2]
GRID = ROOT / "tests" / "support" / "slurm_grid.yaml"
PROFILE = ("--profile", str(ROOT / "profiles" / "slurm"))

pytestmark = [pytest.mark.slurm, pytest.mark.slow]


def head(cluster: SlurmCluster, folder: Path, *flags: str) -> subprocess.Popen[bytes]:
    """Start Snakemake by the slurm profile on a small grid, with the lines of a site edited for this cluster."""
    placed = ("--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder), "--configfile", str(GRID))
    site = ("--default-resources", "slurm_partition=debug", "runtime=60", "mem_mb=4000")
    same = ("--set-threads", "train=1")  # as `undisturbed`: on a CPU other threads give other last digits
    quick = ("--submitit-signal-delay", "30", "--seconds-between-status-checks", "1", "--latency-wait", "5")
    with (folder / "head.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "results/grid.csv", *PROFILE, *placed, *site, *same, *quick, *flags],
            cwd=ROOT,
            env=with_programs(cluster.environment) | without_gpus(folder),
            stdout=log,
            stderr=log,
        )


def with_programs(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which rules find this environment's programs."""
    return {**environment, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"}


def without_gpus(folder: Path) -> dict[str, str]:
    """Return what hides the cluster's pretended GPUs from each rule's command: bash reads this file first."""
    hiding = folder / "hiding.sh"
    hiding.write_text("export CUDA_VISIBLE_DEVICES=\n")
    return {"BASH_ENV": str(hiding)}


def in_training(folder: Path) -> list[Path]:
    """Return the run folders that have a checkpoint and are not finished."""
    found = {path.parent.parent for path in of_runs(folder, "checkpoints/*.pt")}
    return sorted(run for run in found if not (run / "generator.safetensors").exists())


def starts(folder: Path) -> int:
    """How often a training has begun or gone on."""
    return sum(history.read_text().count('"start"') for history in of_runs(folder, "history.jsonl"))


def running(cluster: SlurmCluster) -> list[str]:
    """Return the trainings that run now."""
    columns = ("--noheader", "--array", "--states=RUNNING", "--name=train", "--format=%i")
    return cluster.run("squeue", *columns).split()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Train without any queue, stopped by nothing, and return the weights."""
    folder = tmp_path_factory.mktemp("undisturbed")
    placed = ("--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder), "--configfile", str(GRID))
    command = [sys.executable, "-m", "workflow.jobs.launch", "results/grid.csv", "--until", "train", *placed]
    subprocess.run(command, cwd=ROOT, env=with_programs(os.environ), check=True)
    return weights(folder)


def test_a_disturbed_grid_ends_with_the_same_weights(
    slurm: SlurmCluster, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    first = head(slurm, tmp_path)
    slurm.wait_for(lambda: len(in_training(tmp_path)) == 2, "two trainings have a checkpoint", 900)
    assert len(running(slurm)) == 2, "there are two GPUs"

    slurm.submit("sleep 2", "--partition=high", "--gres=gpu:2", "--mem=100")  # preempts both
    slurm.wait_for(lambda: not running(slurm), "both have given way")
    slurm.wait_for(lambda: starts(tmp_path) == 4, "two go on, or two others begin", 900)
    slurm.requeue(running(slurm)[0])

    first.kill()
    first.wait()
    assert head(slurm, tmp_path, "--unlock").wait(timeout=900) == 0
    second = head(slurm, tmp_path)
    most = 0
    while second.poll() is None:
        most = max(most, len(running(slurm)))
        time.sleep(1)
    said = (tmp_path / "head.log").read_text()
    assert second.returncode == 0, said[-6000:]
    assert most == 2, "never more than two at a time"
    assert "of an earlier call does this already" in said
    assert weights(tmp_path) == undisturbed and len(undisturbed) == 4
    for run in of_runs(tmp_path, "history.jsonl"):
        went_on(run)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine whose PyTorch sees no GPU")
def test_a_job_whose_gpu_is_not_seen_says_so(slurm: SlurmCluster) -> None:
    with pytest.raises(RuntimeError, match=r"A GPU was given \(CUDA_VISIBLE_DEVICES=[01]\) that PyTorch"):
        slurm.run("srun", "--gpus=1", "--mem=4000", sys.executable, "-m", "enco.selftest", "--methods", "cut")


def went_on(history: Path) -> None:
    """Each start is from where the training was stopped: nothing is trained twice."""
    events = [json.loads(line) for line in history.read_text().splitlines()]
    print(history.read_text())
    assert events[0]["event"] == "start" and events[-1]["event"] == "finished"
    for before, after in pairwise(events):
        if after["event"] == "start" and before["event"] == "start":  # killed before it could stop
            assert after["iteration"] >= before["iteration"]
        elif after["event"] == "start":
            assert before["event"] in ("stopped", "finished") and before["iteration"] == after["iteration"]
