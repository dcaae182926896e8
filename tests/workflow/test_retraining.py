"""A training that is made anew, and whose Snakemake dies meanwhile: real calls with jobs as processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.pipeline import ENVIRONMENT, ROOT, TINY, pipeline, placed
from watching import MARK, kill_marked, until

RUN = Path("results", "tiny", "runs", "horse2zebra", "cut", "seed0")
LOCAL = ("--executor", "submitit", "--submitit-cluster", "local", "--jobs", "1", "--seconds-between-status-checks", "1")

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with a training, and a configuration by which the training is another one, and a long one."""
    pipeline(tmp_path, str(RUN / "run.json"))
    scale = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    scale["epochs"], scale["options"]["all"]["ndf"] = {"default": [500, 500]}, 5
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(scale), encoding="utf-8")
    yield tmp_path
    kill_marked(str(tmp_path))


def start(folder: Path, *flags: str) -> subprocess.Popen[bytes]:
    """Start Snakemake by the other configuration."""
    command = [sys.executable, "-m", "snakemake", *placed(folder, folder / "other.yaml"), str(RUN / "run.json")]
    with (folder / "head.log").open("ab") as log:
        return subprocess.Popen(
            [*command, *LOCAL, *flags],
            cwd=ROOT,
            env={**ENVIRONMENT, MARK: str(folder)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def test_a_training_that_is_made_anew_is_waited_for_by_the_next_call(folder: Path) -> None:
    """What differed from the earlier training was a parameter, which changes once that one is moved aside."""
    head = start(folder)
    until(lambda: (folder / RUN / "earlier-1").is_dir() and (folder / RUN / "config.json").exists(), "it began", 600)
    head.kill()
    head.wait()
    assert start(folder, "--unlock").wait(timeout=600) == 0
    head = start(folder)
    until(lambda: "of an earlier call" in (folder / "head.log").read_text(), "the job is found", 600)
    head.send_signal(signal.SIGINT)
    head.wait(timeout=600)
    said = (folder / "head.log").read_text()
    assert "does this already: it is waited for" in said and "makes the same files otherwise" not in said
