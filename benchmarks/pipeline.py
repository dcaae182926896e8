"""Measure what the pipeline costs before any work is done: planning, and starting a training.

    python -m benchmarks.pipeline

CPU seconds of a command and its children, the least of a few calls, and their ratio to importing torch in the same run.
The table is written to benchmarks/results/pipeline.csv.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch
from tabulate import tabulate

from benchmarks.speed.hardware import device_label
from enco.runtime.capabilities import capabilities

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "benchmarks" / "results" / "pipeline.csv"
REPEATS = 3
TRAINING = (
    "-m enco.train --method enco --epochs 1 0 --threads 1 --tracking off"
    " --set ngf=8 --set ndf=8 --set crop_size=64 --set load_size=64 --set max_iterations=1"
)


def main() -> None:
    """Measure every command, print the table, and write it."""
    with tempfile.TemporaryDirectory() as name:
        lines = [{"command": what, "cpu_seconds": least(words)} for what, words in commands(Path(name)).items()]
    table = pd.DataFrame(lines)
    table["per_import_of_torch"] = table["cpu_seconds"] / table["cpu_seconds"][0]
    print(tabulate(table, headers="keys", showindex=False, floatfmt=".2f"))
    cpu = torch.device("cpu")
    place = {"device": device_label(cpu), "instructions": capabilities(cpu).instructions}
    table.assign(**place).to_csv(OUT, index=False, float_format="%.2f", lineterminator="\n")


def commands(folder: Path) -> dict[str, list[str]]:
    """Return what is measured, each with the words after `python`; a training's images are made in the folder."""
    run("-m", "enco.datasets", "demo", "--dataset", "horse2zebra", "--out", str(folder))
    images = next(path.parent for path in folder.rglob("trainA"))
    return {
        "import torch": ["-c", "import torch"],
        "snakemake --configfile config/paper.yaml -n all_tables": [
            *("-m", "snakemake", "--configfile", "config/paper.yaml", "-n", "all_tables")
        ],
        "python -m workflow --config config/paper.yaml": ["-m", "workflow", "--config", "config/paper.yaml"],
        "python -m enco.train, one iteration": [
            *TRAINING.split(),
            *("--data", str(images), "--out", str(folder / "run"), "--anew"),
        ],
    }


def least(words: list[str]) -> float:
    """Return the CPU seconds of a Python command and its children, the least of a few calls."""
    return min(run(*words) for _ in range(REPEATS))


def run(*words: str) -> float:
    """Run Python from the project's root; return its CPU seconds. Raises CalledProcessError where it fails."""
    before = children_seconds()
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True)
    return children_seconds() - before


def children_seconds() -> float:
    """Return the CPU seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
