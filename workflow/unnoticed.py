"""Trainings that are not what is asked for, and of which Snakemake has no record, so that it takes them as they are.

Snakemake compares parameters with its own records in `.snakemake/`. A `results/` that was copied alone has none.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from enco.errors import UserError
from workflow import paths
from workflow.plan.grid import Run
from workflow.project import Project

RECORDS = Path(".snakemake", "metadata")
LONGEST = 250
"""Characters of a name that certainly is no folder's."""


def unnoticed(project: Project) -> Iterator[str]:
    """Yield one sentence where there are such trainings: which, how the first one differs, and what trains them."""
    found = [(run, why) for run in project.plan.grid.runs if (why := _difference(project, run)) and not _is_known(run)]
    if found:
        run, why = found[0]
        wanted = str(run.at(paths.RECORD)) if len(found) == 1 else "train"
        yield (
            f"of the finished trainings {len(found)} not as asked for ({run.variant} on {run.task} first: {why}), and"
            f" taken as it is, as .snakemake/ has no record of it: add `--forcerun {wanted}`, which trains what"
            " differs, or bring the .snakemake/ of these results."
        )


def _difference(project: Project, run: Run) -> str:
    """Return how a finished training differs; one that cannot be read is its own job's error."""
    with suppress(UserError):
        if run.at(paths.RECORD).exists():
            return ", ".join(map(str, project.train.differences(run)))
    return ""


def _is_known(run: Run) -> bool:
    """Return whether Snakemake has a record of a run, which lies in a file or folders named by the encoded path."""
    name = urlsafe_b64encode(str(run.at(paths.RECORD)).encode()).decode()
    return len(name) >= LONGEST or (RECORDS / name).exists()
