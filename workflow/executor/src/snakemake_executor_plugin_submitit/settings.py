"""What a user can set: `--submitit-<name>` on the command line, `submitit-<name>:` in a profile."""

from dataclasses import dataclass, field
from pathlib import Path

from snakemake_interface_executor_plugins.settings import CommonSettings, ExecutorSettingsBase

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_envvar_declarations_to_cmd=False,  # submitted jobs inherit the environment
    auto_deploy_default_storage_provider=False,
    init_seconds_before_status_checks=1,
)


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    """Settings of the executor; each is a command line flag."""

    cluster: str = field(
        default="slurm",
        metadata={
            "help": "Where jobs run: slurm; local, as processes of this machine; debug, one by one within Snakemake.",
            "choices": ["slurm", "local", "debug"],
        },
    )
    logdir: Path = field(
        default=Path(".snakemake", "submitit"),
        metadata={"help": "Folder for the jobs' logs and submitit's files; shared by all nodes."},
    )
    signal_delay: int = field(
        default=120,
        metadata={"help": "Seconds before its time limit at which a job is asked, by USR2, to save its state."},
    )
    max_timeouts: int = field(
        default=20,
        metadata={"help": "How often a job that ran into its time limit, or was near it, is queued again."},
    )
    array: int = field(
        default=200,
        metadata={"help": "Largest array of jobs that are ready together and ask for the same; 1 for no arrays."},
    )
    keep_logs: bool = field(
        default=False,
        metadata={"help": "Keep the logs of jobs that succeeded, too; each rule's own log is kept anyway."},
    )
