"""An archive of measured results, from which tables, figures and curves are made again without a GPU.

The tar file has `archive.json` (what is in it, with digests), `README.txt`, `config.yaml`, the lock file of the
environment, `results/` with what numbers are made of, and `made/` with what was made of that.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from enco.data.manifest import read_training_hash
from enco.errors import UserError
from enco.io.files import atomic_path, sha256
from enco.records import FileRecord, Record
from eval.figures.comparison import shown_images
from eval.publication.files import read_notes
from eval.records import read_file
from eval.tables.protocol import WRITTEN_AT
from workflow import paths
from workflow.plan.scale import load_mapping
from workflow.project import Project

ABOUT, CONFIG, README, MADE = "archive.json", "config.yaml", "README.txt", "made"
LOCK = "requirements.lock"
PUBLISHED, CLAIMS = "published.csv", "claims.yaml"
TEXT = """Results of scale {scale} ({part}), archived at commit {commit}.

To make all tables, uncertainties, figures and curves again, without training anything:
    git checkout {commit} && make tables FROM=<this file>

archive.json       every file with its SHA-256; data sets with where they come from
config.yaml        the whole configuration, with published.csv and claims.yaml
requirements.lock  the packages of the environment
results/           what numbers are made of: features of test images, scores, seconds, records and losses of trainings,
                   the images that figures show; run.json and the scores files say what made them, with digests
made/              tables, figures and curves as they were made of that
"""


class ArchivedFile(Record):
    """One file of an archive, by its path in the place where it was made."""

    path: str
    bytes: int
    sha256: str


class DataOrigin(Record):
    """A data set behind the numbers: where it comes from, under which licence, and the digest of its images."""

    name: str
    training_hash: str
    site: str = ""
    licence: str = ""


class ArchiveRecord(FileRecord):
    """What an archive holds."""

    scale: str
    part: str
    commit: str
    data: list[DataOrigin]
    evidence: list[ArchivedFile]
    made: list[ArchivedFile]
    """Files that are made of the evidence."""


def pack(project: Project, lock: Path, out: Path) -> ArchiveRecord:
    """Write a project's archive, whole, and return what it holds.

    Raises UserError for a file that is missing, and for tables that were written by code of different commits.
    """
    plan, archive = project.plan, project.archive
    remade = [path for one in archive.resamplings() for path in (one.record, one.replicates)]
    record = ArchiveRecord(
        scale=plan.config.scale,
        part=plan.part,
        commit=written_at(project),
        data=_origins(project),
        evidence=_described([*archive.evidence(), *_shown(project)]),
        made=_described([*archive.made(), *remade]),
    )
    texts = {
        ABOUT: record.model_dump_json(indent=1),
        README: TEXT.format(scale=record.scale, part=record.part, commit=record.commit),
        CONFIG: yaml.safe_dump(_whole_config(project), sort_keys=False, allow_unicode=True),
    }
    files = {LOCK: lock, PUBLISHED: plan.published, CLAIMS: plan.base / plan.config.claims}
    files |= {file.path: Path(file.path) for file in record.evidence}
    files |= {f"{MADE}/{path.relative_to(paths.RESULTS)}": path for path in archive.made()}
    with atomic_path(out) as partial, tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, text in texts.items():
            _add(tar, name, text.encode(), 0)
        for name, path in files.items():
            _add(tar, name, path.read_bytes(), path.stat().st_mtime)
    return record


def written_at(project: Project) -> str:
    """Return the commit whose code wrote the tables; UserError where there are several."""
    tables = [paths.fill(paths.CURRENT_TABLE["csv"], table=name) for name in project.plan.headline]
    commits = list(dict.fromkeys(dict(read_notes(table))[WRITTEN_AT].removeprefix("commit ") for table in tables))
    if len(commits) > 1:
        raise UserError(
            f"The tables were written at different commits ({', '.join(commits)}): write all of them by this one, by"
            " `snakemake archive --forcerun table`."
        )
    return commits[0]


def _described(files: Iterable[Path]) -> list[ArchivedFile]:
    found = []
    for path in dict.fromkeys(files):
        if not path.exists():
            raise UserError(f"{path} is missing, so no archive is made: have it made again by `snakemake {path}`.")
        found.append(ArchivedFile(path=str(path), bytes=path.stat().st_size, sha256=sha256(path)))
    return found


def _shown(project: Project) -> list[Path]:
    """Return the images that figures show."""
    return [path for figure in project.archive.shown() for _, row in shown_images(figure) for path in row]


def _origins(project: Project) -> list[DataOrigin]:
    plan = project.plan
    known = project.data.published() if plan.config.data.source != "demo" else {}
    found = []
    for folder in dict.fromkeys(plan.manifest(task).parent for task in plan.headline_tasks):
        about = known.get(folder.name)
        said = {"site": about.site, "licence": about.licence} if about else {}
        found.append(DataOrigin(name=folder.name, training_hash=read_training_hash(folder), **said))
    return found


def _whole_config(project: Project) -> dict[str, Any]:
    """Return a configuration that needs no other file of the user's but those of the archive."""
    plan = project.plan
    config = plan.config.model_dump(mode="json", exclude_defaults=True)
    mappings = {"tables": plan.config.tables, "tasks": plan.config.tasks}
    inline = {name: load_mapping(value, plan.base, name) for name, value in mappings.items()}
    return {**config, **inline, "published": PUBLISHED, "claims": CLAIMS}


def _add(tar: tarfile.TarFile, name: str, content: bytes, mtime: float) -> None:
    """Add a file whose owner and permissions are of no machine, and whose time of change is kept."""
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(content), mtime, 0o644
    tar.addfile(member, io.BytesIO(content))


def unpack(archive: Path, about: Path) -> ArchiveRecord:
    """Put an archive's evidence below results/, and what is about the archive into the folder `about`.

    Raises UserError for a file that is no archive or is damaged, and where results of the scale lie already.
    """
    try:
        with tarfile.open(archive) as tar:
            about.mkdir(parents=True, exist_ok=True)
            for name in (ABOUT, README, CONFIG, LOCK, PUBLISHED, CLAIMS):
                tar.extract(name, about, filter="data")
            record = read_file(
                ArchiveRecord, about / ABOUT, "record of an archive", "name a file of `snakemake archive`"
            )
            if (folder := Path(paths.RESULTS, record.scale)).exists():
                raise UserError(f"{folder} is there already: move it away, or unpack in another clone.")
            for file in record.evidence:
                tar.extract(file.path, filter="data")
    except FileNotFoundError as error:
        raise UserError(f"{archive} does not exist: name a file that `snakemake archive` has written.") from error
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise UserError(f"{archive} is no whole archive ({error}): name a file of `snakemake archive`.") from error
    damaged = [file.path for file in record.evidence if sha256(Path(file.path)) != file.sha256]
    if damaged:
        raise UserError(f"{archive} is damaged: {damaged[0]} is not what was archived. Copy the archive again.")
    return record
