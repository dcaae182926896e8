"""Write down how busy the machine is while a training goes on, under the names that MLflow's pages look for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enco.tracking.mlflow_run import log_lines
from enco.training.metrics_file import append_line, read_metrics
from enco.training.run_files import SYSTEM_FILE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PREFIX = "system/"
EVERY_LINE = "cpu_utilization_percentage"
"""A number that each line of the file has."""


class SystemLog:
    """Processors, memory and GPUs of this machine, a line of system.jsonl at each call of `write`."""

    def __init__(self, run_folder: Path) -> None:
        """Begin to measure; GPUs are left out where there is none, or no package to ask it (`nvidia-ml-py`)."""
        from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor

        self.path = run_folder / SYSTEM_FILE
        self.monitors: list[Any] = [CPUMonitor(), *_gpu_monitors()]
        self._measure()  # the processors' share is that since the last call

    def write(self) -> None:
        """Append what is measured."""
        append_line(self.path, {"time": time.time(), **self._measure()})

    def _measure(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for monitor in self.monitors:
            monitor.collect_metrics()
            found |= monitor.aggregate_metrics()
            monitor.clear_metrics()
        return found


def add_system_metrics(client: MlflowClient, run: Run, folder: Path) -> None:
    """Add the lines of system.jsonl that the run lacks, each with its number as the step."""
    from mlflow.entities import Metric

    there = {point.key: point.step for point in run.data.to_proto().metrics}
    mirrored = there.get(PREFIX + EVERY_LINE, 0)
    lines = [
        [Metric(PREFIX + key, value, round(line["time"] * 1000), step) for key, value in line.items() if key != "time"]
        for step, line in enumerate(read_metrics(folder / SYSTEM_FILE)[mirrored:], start=mirrored + 1)
    ]
    log_lines(client, run, lines)


def _gpu_monitors() -> list[Any]:
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor

    try:
        return [GPUMonitor()]
    except Exception:  # ImportError without the package, RuntimeError without a GPU, and whatever a driver raises
        return []
