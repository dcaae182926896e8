"""The whole pipeline through real Snakemake, at the size of tests/support/tiny.yaml."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock

from enco.io.files import sha256

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "support" / "tiny.yaml"
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def pipeline(folder: Path, *arguments: str, config: Path = TINY, check: bool = True) -> str:
    """Run Snakemake with its results in a folder, and return its output."""
    return _output([sys.executable, "-m", "snakemake", *placed(folder, config), *arguments], ROOT, check)


def launch(folder: Path, *arguments: str, config: Path = TINY) -> str:
    """Run the pipeline as `make tables` does, whose jobs need not import torch, and return its output."""
    return _output([*launcher(folder, config), *arguments], folder, True)


def launcher(folder: Path, config: Path = TINY) -> list[str]:
    """Return the command of `launch`, short of its targets."""
    return [sys.executable, "-m", "workflow.jobs.launch", *placed(folder, config)]


def placed(folder: Path, config: Path = TINY) -> list[str]:
    """Return the arguments of Snakemake that put the results of a configuration into a folder."""
    return ["--configfile", str(config), "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]


def _output(command: Sequence[str], cwd: Path, check: bool) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert not check or done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def of_runs(folder: Path, pattern: str) -> list[Path]:
    """Return the files of every run that match a pattern; other folders may vanish while one looks."""
    return sorted(folder.glob(f"results/*/runs/*/*/seed*/{pattern}"))


def weights(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every trained generator, by run."""
    return {str(file.relative_to(folder).parent): sha256(file) for file in of_runs(folder, "generator.safetensors")}


@pytest.fixture(scope="session")
def finished_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make everything in a folder, undisturbed, once for all parallel workers; tests only read there."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if parallel else base) / "pipeline"
    with FileLock(f"{folder}.lock"):
        if not (folder / "made").exists():
            folder.mkdir(exist_ok=True)
            launch(folder, "all_tables", "figures", "results/curves/horse2zebra.csv")
            (folder / "made").touch()
    return folder
