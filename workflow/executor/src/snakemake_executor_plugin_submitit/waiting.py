"""Jobs that wait for what does not come by itself: SLURM's reasons, and what a user does about each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

PASSING = re.compile(r"RunMinutes")
"""Reasons that look like those below but end as other jobs do."""
CURES = (
    (re.compile(r"[Hh]eld|Hold"), "`scontrol release` lets them go"),
    (re.compile(r"TimeLimit|WallDuration"), "lower `runtime` of their rule in the profile, or take another partition"),
    (re.compile(r"BadConstraints"), "ask for another `constraint`, `gpu_model` or `gres` in the profile"),
    (re.compile(r"Account|Minutes"), "take another `slurm_account` in the profile, or ask those who run the cluster"),
    (re.compile(r"InvalidQOS|QOSNotAllowed"), "take another `qos` in the profile"),
    (re.compile(r"PerJob|PerNode|MaxMemPer|NodeLimit|PartitionConfig|NotSatisfied"), "ask for less in the profile"),
    (re.compile(r"PartitionDown|PartitionInactive"), "take another `slurm_partition` in the profile, or wait for it"),
)
"""SLURM's reasons (`man squeue`, JOB REASON CODES) that do not pass by themselves, each with its cure."""
NAMED = 3
"""Of how many jobs the numbers are said."""


def cure(reason: str) -> str:
    """What a user does about a reason for which a job waits; empty for one that passes by itself."""
    if PASSING.search(reason):
        return ""
    return next((said for pattern, said in CURES if pattern.search(reason)), "")


def parse_reasons(answer: str) -> dict[str, str]:
    """`12_3|PENDING|Priority` as {'12_3': 'Priority'}; nothing of jobs that do not wait."""
    lines = (line.split("|") for line in answer.splitlines())
    return {job: reason for job, state, reason in (line for line in lines if len(line) == 3) if state == "PENDING"}


class StuckJobs:
    """What was said of jobs that do not start by themselves: of each job and reason once."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def warnings(self, waiting: Collection[str], reasons: dict[str, str]) -> Iterable[str]:
        """Yield one sentence for each reason that holds up jobs of which it was not said yet."""
        new = {(job, why) for job, why in reasons.items() if job in waiting and cure(why)} - self._told
        self._told |= new
        for reason in sorted({why for _, why in new}):
            jobs = sorted(job for job, why in new if why == reason)
            others = f" and {len(jobs) - NAMED} more" if len(jobs) > NAMED else ""
            named = f"{', '.join(jobs[:NAMED])}{others}"
            yield f"SLURM does not start these jobs by itself ({reason}): {named}; {cure(reason)}."
