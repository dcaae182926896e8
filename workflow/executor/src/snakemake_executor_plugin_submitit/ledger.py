"""Which job of the queue makes which files: written on submission, so that a head that was killed finds them again."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

from snakemake_executor_plugin_submitit.queue import Ticket

SAYS_WHAT_IS_DONE = ("type", "rule", "groupid", "input", "output", "wildcards")


@dataclass(frozen=True)
class Entry:
    """A submitted job: what it is, and where. `fingerprint` tells whether it does what is asked for now."""

    key: str
    fingerprint: str
    name: str
    cluster: str
    ticket: Ticket


class Ledger:
    """A folder with one small file for each job that is in a queue."""

    def __init__(self, folder: Path, cluster: str) -> None:
        self.folder = folder
        self.cluster = cluster

    def write(self, job: JobExecutorInterface, ticket: Ticket) -> None:
        """Note a submitted job; the file appears whole or not at all."""
        entry = Entry(key(job), fingerprint(job), job.name, self.cluster, ticket)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(entry.key)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(asdict(entry), default=str), encoding="utf-8")
        unfinished.replace(path)

    def remove(self, job: JobExecutorInterface) -> None:
        """Forget a job that has ended."""
        self.forget(key(job))

    def forget(self, name: str) -> None:
        """Forget the job with this key; where a disk refuses that, the next call does, as the job is not alive."""
        with suppress(OSError):
            self._path(name).unlink(missing_ok=True)

    def entries(self) -> dict[str, Entry]:
        """All that is noted for this cluster, by key."""
        found = (_read(path) for path in self.folder.glob("*.json"))
        return {entry.key: entry for entry in found if entry and entry.cluster == self.cluster}

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def key(job: JobExecutorInterface) -> str:
    """Names a job by the files that it makes, or by all that is known of it where it makes none."""
    return _hash(sorted(map(str, job.output)) or json.loads(job.properties()))


def fingerprint(job: JobExecutorInterface) -> str:
    """Differs where a job does something else: other inputs, parameters or shell command; not for other resources.

    Of the parameters those count that Snakemake compares: one that takes the output may tell how far a job is.
    """
    known = json.loads(job.properties())
    parts = list(getattr(job, "jobs", [job]))  # of a group job
    return _hash([{name: known.get(name) for name in SAYS_WHAT_IS_DONE}, sorted(map(_work, parts))])


def _work(job: Any) -> str:
    """What one job does: its shell command, and the parameters that are not derived from files or resources."""
    return _hash([str(getattr(getattr(job, "rule", None), "shellcmd", "")), getattr(job, "non_derived_params", [])])


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:20]


def _read(path: Path) -> Entry | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        ticket = content.pop("ticket")
        return Entry(**content, ticket=Ticket(**{**ticket, "folder": Path(ticket["folder"])}))
    except (OSError, ValueError, KeyError, TypeError):
        return None
