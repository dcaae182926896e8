"""The ledger: what a next Snakemake learns of the jobs of one that was killed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from snakemake_executor_plugin_submitit.ledger import Ledger, fingerprint, key
from snakemake_executor_plugin_submitit.queue import Ticket


@dataclass
class Job:
    """What the ledger asks of one of Snakemake's jobs."""

    name: str = "train"
    output: list[str] = field(default_factory=lambda: ["a/weights", "a/log"])
    shellcmd: str | None = "train a"
    known: dict[str, Any] = field(default_factory=dict)
    non_derived_params: list[Any] = field(default_factory=lambda: [1])

    @property
    def rule(self) -> SimpleNamespace:
        return SimpleNamespace(shellcmd=self.shellcmd)

    def properties(self) -> str:
        standard = {"type": "single", "rule": self.name, "input": ["data"], "output": self.output, "params": {"lr": 1}}
        return json.dumps({**standard, "resources": {"mem_mb": 1000}, "jobid": 4, **self.known})


@dataclass
class GroupJob(Job):
    """A group has no command of its own."""

    shellcmd: None = None
    jobs: list[Job] = field(default_factory=list)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger", "slurm")


def test_what_is_written_is_found_again(ledger: Ledger) -> None:
    job, ticket = Job(), Ticket("12_3", Path("/logs/call"))
    ledger.write(job, ticket)
    (entry,) = Ledger(ledger.folder, "slurm").entries().values()
    assert entry.key == key(job)
    assert entry.fingerprint == fingerprint(job)
    assert (entry.name, entry.cluster, entry.ticket) == ("train", "slurm", ticket)


def test_what_is_removed_is_forgotten(ledger: Ledger) -> None:
    ledger.write(Job(), Ticket("1", Path("/logs")))
    ledger.write(Job(output=["b"]), Ticket("2", Path("/logs")))
    ledger.remove(Job())
    ledger.remove(Job())
    assert [entry.ticket.id for entry in ledger.entries().values()] == ["2"]


def test_the_last_submission_counts(ledger: Ledger) -> None:
    for number in ("1", "2"):
        ledger.write(Job(), Ticket(number, Path("/logs")))
    assert [entry.ticket.id for entry in ledger.entries().values()] == ["2"]
    assert len(list(ledger.folder.iterdir())) == 1


def test_each_cluster_has_its_own_jobs(ledger: Ledger) -> None:
    ledger.write(Job(), Ticket("1", Path("/logs")))
    assert Ledger(ledger.folder, "local").entries() == {}


def test_a_first_call_finds_nothing(ledger: Ledger) -> None:
    assert ledger.entries() == {}
    ledger.remove(Job())


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"ticket": 1}', '{"ticket": {"id": "1"}}', "\udcff"])
def test_what_cannot_be_read_is_passed_over(ledger: Ledger, text: str) -> None:
    ledger.write(Job(), Ticket("1", Path("/logs")))
    (ledger.folder / "broken.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    assert len(ledger.entries()) == 1


def test_a_job_is_named_by_its_files() -> None:
    same = Job(output=["a/log", "a/weights"], shellcmd="train b", non_derived_params=[2])
    assert key(Job()) == key(same)
    assert key(Job()) != key(Job(output=["b/weights"]))
    assert key(Job(output=[])) != key(Job(output=[], name="other"))


@pytest.mark.parametrize(
    "other", [Job(non_derived_params=[2]), Job(known={"input": ["other"]}), Job(known={"wildcards": {"run": "b"}})]
)
def test_another_way_has_another_fingerprint(other: Job) -> None:
    assert fingerprint(Job()) != fingerprint(other)


def test_a_parameter_that_is_derived_makes_no_other_job() -> None:
    """Snakemake does not compare it either: a job may change what it tells, such as how far the job is."""
    assert fingerprint(Job()) == fingerprint(Job(known={"params": {"lr": 1, "so_far": "half"}}))


def test_another_command_has_another_fingerprint() -> None:
    assert fingerprint(Job()) != fingerprint(Job(shellcmd="train b"))
    assert fingerprint(GroupJob(jobs=[Job()])) != fingerprint(GroupJob(jobs=[Job(shellcmd="train b")]))
    assert fingerprint(GroupJob(jobs=[Job()])) != fingerprint(GroupJob(jobs=[Job(non_derived_params=[2])]))


def test_resources_and_numbers_make_no_other_job() -> None:
    later = Job(known={"resources": {"mem_mb": 2000, "runtime": 60}, "jobid": 9, "threads": 4})
    assert fingerprint(Job()) == fingerprint(later)
    first, second = Job(shellcmd="one"), Job(shellcmd="two")
    assert fingerprint(GroupJob(jobs=[first, second])) == fingerprint(GroupJob(jobs=[second, first]))
