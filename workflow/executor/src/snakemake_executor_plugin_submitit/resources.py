"""Snakemake's resources as submitit's parameters."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError

RESERVED = ("array", "error", "open-mode", "output", "signal", "wrap")
"""Options of sbatch that submitit needs for itself."""
ENDLESS = 60 * 24 * 365
"""Minutes that a local job without `runtime` may take; submitit wants a number."""

Parameters = dict[str, Any]


def local_parameters(name: str, resources: Mapping[str, Any], threads: int, signal_delay: int) -> Parameters:
    """Parameters of a process of this machine: only its time is limited."""
    minutes = int(resources.get("runtime", ENDLESS))
    return {
        "timeout_min": minutes,
        "signal_delay_s": shortened(signal_delay, minutes),
        "stderr_to_stdout": True,
    }


def slurm_parameters(name: str, resources: Mapping[str, Any], threads: int, signal_delay: int) -> Parameters:
    """Parameters of a SLURM job.

    Raises WorkflowError where `runtime` is missing, since SLURM's signal is sent so many seconds before that limit,
    and where `slurm_extra` sets an option that submitit needs.
    """
    if "runtime" not in resources:
        raise WorkflowError(
            f"Rule {name} has no resource 'runtime', from which its time limit is made: set it, in minutes, under "
            "'default-resources' or 'set-resources' of the profile."
        )
    minutes, cpus = int(resources["runtime"]), int(resources.get("cpus_per_task") or threads)
    extra = extra_options(name, str(resources.get("slurm_extra", "")))
    wanted = {
        "name": name,
        "timeout_min": minutes,
        **_memory(resources),
        "cpus_per_task": cpus,
        "slurm_partition": resources.get("slurm_partition"),
        "slurm_account": resources.get("slurm_account"),
        "slurm_qos": resources.get("qos"),
        "slurm_constraint": resources.get("constraint"),
        "slurm_additional_parameters": {"requeue": True, **extra},  # which not every site does by itself
        # since SLURM 22.05 srun takes no CPUs over from sbatch; a CPU binding from elsewhere would slow it
        "slurm_srun_args": ["--cpus-per-task", str(cpus), "--cpu-bind=none"],
        "slurm_signal_delay_s": shortened(signal_delay, minutes),
        "stderr_to_stdout": True,
        **_graphics_cards(resources),
    }
    return {key: value for key, value in wanted.items() if value not in (None, "")}


def shortened(signal_delay: int, minutes: int) -> int:
    """The signal's delay in seconds, or half of a shorter time limit: else a job would be signalled as it starts."""
    return min(signal_delay, 30 * minutes)


def _graphics_cards(resources: Mapping[str, Any]) -> Parameters:
    """`gres` as it stands, else `gpu` of them, of a `gpu_model` if one is named: sites differ in what they accept."""
    if resources.get("gres"):
        return {"slurm_gres": resources["gres"]}
    count, model = int(resources.get("gpu", 0)), resources.get("gpu_model")
    if count and model:
        return {"slurm_gres": f"gpu:{model}:{count}"}
    return {"gpus_per_node": count or None}


def extra_options(name: str, text: str) -> dict[str, str | bool]:
    """`--exclusive --nice=100` as a mapping; WorkflowError for what is no option, or is submitit's."""
    options: dict[str, str | bool] = {}
    for word in shlex.split(text):
        key, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or key in RESERVED:
            why = f"submitit needs --{key} itself" if key in RESERVED else "write options as --name or --name=value"
            raise WorkflowError(f"Rule {name} has '{word}' in its resource 'slurm_extra', which cannot be: {why}.")
        options[key] = value if equals else True
    return options


def _memory(resources: Mapping[str, Any]) -> Parameters:
    """`mem_mb_per_cpu`, else `mem_mb`: SLURM takes one of them."""
    if resources.get("mem_mb_per_cpu"):
        return {"slurm_mem_per_cpu": f"{resources['mem_mb_per_cpu']}MB"}
    return {"mem_gb": resources["mem_mb"] / 1024} if resources.get("mem_mb") else {}
