"""The pytest fixtures for tests on a real SLURM."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from slurm_cluster import PACKAGES, SlurmCluster, missing_programs


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """One cluster with accounting for all tests of a session."""
    require_slurm()
    with SlurmCluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture
def slurm_without_accounting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """Make a cluster whose sacct answers with an error."""
    require_slurm()
    with SlurmCluster(tmp_path_factory.mktemp("slurm"), accounting=False) as cluster:
        yield cluster


@pytest.fixture
def slurm_of_two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """Make a cluster that takes two jobs of a user at a time."""
    require_slurm()
    with SlurmCluster(tmp_path_factory.mktemp("slurm"), submit_limit=2) as cluster:
        yield cluster


def require_slurm() -> None:
    """Skip the test where SLURM is not installed; fail it if the environment has REQUIRE_SLURM."""
    if missing := missing_programs():
        say = pytest.fail if os.environ.get("REQUIRE_SLURM") else pytest.skip
        say(f"SLURM is not installed (no {', '.join(missing)}): apt-get install {' '.join(PACKAGES)}")
