"""A home that cannot be written to, as on some nodes and in containers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forks import NO_PRIVILEGE

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("there", [True, False], ids=["forbidden", "missing"])
def test_tables_are_planned_without_a_home(tmp_path: Path, there: bool) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    (home / ".cache").mkdir(parents=True) if there else home.mkdir()
    here.mkdir()
    for folder in (home / ".cache", home):
        if folder.exists():
            folder.chmod(0o555)
    prefix = NO_PRIVILEGE if os.geteuid() == 0 else ()
    words = ["-m", "workflow.jobs.launch", "-s", str(ROOT / "Snakefile"), "-n", "results/table3.csv", "--cores", "1"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    done = subprocess.run(
        [*prefix, sys.executable, *words],
        cwd=here,
        env={**environment, "HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    home.chmod(0o755)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert f"The cache {home / '.cache'} cannot be written to: .snakemake/cache is used instead." in done.stdout
