"""Which of the parallel workers runs which tests, and when."""

from __future__ import annotations

from pathlib import PurePath

from xdist.scheduler import LoadFileScheduling

SLOWEST_FIRST = (
    "test_slurm_cluster.py",
    "test_demo.py",
    "test_pipeline_changes.py",
    "test_real_data_workflow.py",
    "test_local_workflow.py",
    "test_tracking_concurrent.py",
    "test_learning.py",
    "test_changed_code.py",
    "test_lost_weights.py",
    "test_known_at_the_start.py",
    "test_fid_of_folders.py",
    "test_refusals.py",
    "test_selftest.py",
    "test_gpu_script.py",
    "test_compiled.py",
    "test_speed.py",
)
"""Files whose tests take minutes, so that no worker is left with one of them at the end."""


class ByFile(LoadFileScheduling):
    """One worker runs the whole of a file, and one worker all files that need SLURM, whose cluster they share."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "slurm" if "slurm" in PurePath(file).name else file


def rank(file: PurePath) -> int:
    """Return the place of a file in the order in which files are begun."""
    return SLOWEST_FIRST.index(file.name) if file.name in SLOWEST_FIRST else len(SLOWEST_FIRST)
