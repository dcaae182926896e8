"""Snakemake jobs through submitit: `snakemake --executor submitit`. The README says what it does with signals."""

from snakemake_executor_plugin_submitit.executor import Executor
from snakemake_executor_plugin_submitit.settings import ExecutorSettings, common_settings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]
