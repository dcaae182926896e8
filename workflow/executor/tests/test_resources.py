"""Snakemake's resources as submitit's parameters, and as the text that sbatch reads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake_interface_common.exceptions import WorkflowError
from submitit import AutoExecutor

from snakemake_executor_plugin_submitit.resources import RESERVED, extra_options, local_parameters, slurm_parameters


@pytest.fixture(scope="module")
def folder_with_srun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a folder to submit from; submitit asks for no more than that there is an srun."""
    folder = tmp_path_factory.mktemp("submit")
    srun = folder / "srun"
    srun.touch(mode=0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=os.pathsep)
        yield folder


def sbatch_lines(folder: Path, resources: dict[str, Any], threads: int = 1) -> list[str]:
    executor = AutoExecutor(folder, cluster="slurm")
    executor.update_parameters(**slurm_parameters("train", {"runtime": 10, **resources}, threads, 120))
    return str(executor._executor._make_submission_file_text("run", "0")).splitlines()


@pytest.mark.parametrize(
    ("resources", "option"),
    [
        ({"runtime": 1440}, "--time=1440"),
        ({"mem_mb": 16000}, "--mem=16000MB"),
        ({"mem_mb": 16384}, "--mem=16GB"),
        ({"mem_mb_per_cpu": 1500}, "--mem-per-cpu=1500MB"),
        ({"mem_mb_per_cpu": 1500, "mem_mb": 8000}, "--mem-per-cpu=1500MB"),
        ({"gpu": 2}, "--gpus-per-node=2"),
        ({"gpu": 1, "gpu_model": "a100"}, "--gres=gpu:a100:1"),
        ({"gres": "gpu:a100:1,nvme:1"}, "--gres=gpu:a100:1,nvme:1"),
        ({"slurm_partition": "gpu"}, "--partition=gpu"),
        ({"slurm_account": "vision"}, "--account=vision"),
        ({"qos": "long"}, "--qos=long"),
        ({"constraint": "a100|h100"}, "--constraint='a100|h100'"),
        ({"slurm_extra": "--exclusive --nice=100"}, "--exclusive"),
        ({"slurm_extra": "--exclusive --nice=100"}, "--nice=100"),
        ({"slurm_extra": "'--comment=two words'"}, "--comment='two words'"),
    ],
)
def test_a_resource_becomes_an_option_of_sbatch(folder_with_srun: Path, resources: dict[str, Any], option: str) -> None:
    assert f"#SBATCH {option}" in sbatch_lines(folder_with_srun, resources)


def test_threads_are_the_cpus_of_the_batch_and_of_its_step(folder_with_srun: Path) -> None:
    lines = sbatch_lines(folder_with_srun, {}, threads=5)
    (srun,) = [line for line in lines if line.startswith("srun ")]
    assert "#SBATCH --cpus-per-task=5" in lines
    assert "--cpus-per-task 5 " in srun


def test_gres_stands_in_place_of_gpu(folder_with_srun: Path) -> None:
    text = "\n".join(sbatch_lines(folder_with_srun, {"gpu": 2, "gpu_model": "a100", "gres": "gpu:h100:1"}))
    assert "--gres=gpu:h100:1" in text
    assert "gpus-per-node" not in text
    assert "a100" not in text


@pytest.mark.parametrize("resources", [{}, {"gpu": 0}, {"gpu": 0, "gpu_model": "a100"}])
def test_a_job_without_gpus_asks_for_none(folder_with_srun: Path, resources: dict[str, Any]) -> None:
    assert "gpu" not in "\n".join(sbatch_lines(folder_with_srun, resources))


@given(megabytes=st.integers(min_value=1, max_value=2**40))
def test_memory_is_exact(folder_with_srun: Path, megabytes: int) -> None:
    text = "\n".join(sbatch_lines(folder_with_srun, {"mem_mb": megabytes}))
    found = re.search(r"^#SBATCH --mem=(\d+)(GB|MB)$", text, re.MULTILINE)
    assert found
    assert int(found[1]) * {"GB": 1024, "MB": 1}[found[2]] == megabytes


def test_a_training_as_sbatch_reads_it(folder_with_srun: Path) -> None:
    resources = {"runtime": 1440, "mem_mb": 16000, "gpu": 1, "slurm_partition": "gpu", "slurm_account": "vision"}
    lines = sbatch_lines(folder_with_srun, {**resources, "disk_mb": 1000, "tmpdir": "/tmp"}, threads=5)
    (command,) = [line for line in lines if line.startswith("srun ")]
    log = folder_with_srun / "%j_0_log.out"
    assert [line for line in lines if line.startswith("#SBATCH") and "wckey" not in line] == [
        "#SBATCH --account=vision",
        "#SBATCH --cpus-per-task=5",
        "#SBATCH --gpus-per-node=1",
        "#SBATCH --job-name=train",
        "#SBATCH --mem=16000MB",
        "#SBATCH --nodes=1",
        "#SBATCH --open-mode=append",
        f"#SBATCH --output={log}",
        "#SBATCH --partition=gpu",
        "#SBATCH --requeue",
        "#SBATCH --signal=USR2@120",
        "#SBATCH --time=1440",
    ]
    assert command.endswith("--cpus-per-task 5 --cpu-bind=none run")


def test_slurm_needs_a_runtime() -> None:
    with pytest.raises(WorkflowError, match=r"Rule train has no resource 'runtime'.*default-resources"):
        slurm_parameters("train", {"mem_mb": 1000}, 1, 120)


@pytest.mark.parametrize("word", ["exclusive", "-p gpu", "--nice 100"])
def test_slurm_extra_holds_nothing_but_long_options(word: str) -> None:
    with pytest.raises(WorkflowError, match=r"Rule train .* 'slurm_extra'.*--name=value"):
        extra_options("train", word)


@pytest.mark.parametrize("name", RESERVED)
def test_slurm_extra_leaves_submitit_its_own(name: str) -> None:
    with pytest.raises(WorkflowError, match=f"submitit needs --{name} itself"):
        extra_options("train", f"--{name}=x")


def test_a_short_job_is_not_asked_to_save_as_it_starts(folder_with_srun: Path) -> None:
    assert "#SBATCH --signal=USR2@60" in sbatch_lines(folder_with_srun, {"runtime": 2})
    assert "#SBATCH --signal=USR2@120" in sbatch_lines(folder_with_srun, {"runtime": 4})
    assert local_parameters("table", {"runtime": 1}, 1, 120)["signal_delay_s"] == 30


def test_this_machine_limits_nothing_but_time() -> None:
    wanted = {"runtime": 5, "mem_mb": 1000, "gpu": 1, "slurm_partition": "gpu"}
    parameters = local_parameters("train", wanted, 4, 60)
    assert parameters == {"timeout_min": 5, "signal_delay_s": 60, "stderr_to_stdout": True}
    assert local_parameters("train", {}, 1, 60)["timeout_min"] >= 60 * 24 * 365
