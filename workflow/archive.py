"""An archive of measured results, from which tables, figures and curves are made again without a GPU.

The tar file has `archive.json` (what is in it, with digests), `README.txt`, the configuration, the lock file of the
environment, `results/` with what numbers are made of, and `made/` with what was made of that.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from enco.config.yaml import read_yaml
from enco.data.manifest import read_training_hash
from enco.errors import UserError
from enco.io.files import atomic_path, sha256
from enco.records import FileRecord, Record
from enco.training.provenance import changed_sources
from eval.figures.comparison import shown_images
from eval.figures.paper.comparison import shown_files
from eval.figures.paper.options import ComparisonOptions
from eval.publication.files import read_notes
from eval.records import read_file
from eval.tables.protocol import WRITTEN_AT
from workflow import paths
from workflow.plan.scale import load_mapping
from workflow.project import Project

ABOUT, CONFIG, README, LOCK = "archive.json", "config.yaml", "README.txt", "requirements.lock"
TASKS, PUBLISHED, CLAIMS = "tasks.yaml", "published.csv", "claims.yaml"
DESCRIPTION = (ABOUT, README, CONFIG, LOCK, TASKS, PUBLISHED, CLAIMS)
MADE, LOSSES, CODE = "made", "losses", "code"
"""Folders beside the evidence: what was made, losses of trainings, and code that differs from its commit."""
FILE = "name a file that `snakemake archive` has written"
TEXT = """Results of scale {scale} ({part}), archived at commit {commit}.

To make all tables, uncertainties, figures and curves again, without training anything, in a clone of the project:
    git checkout {hash} && make tables FROM=<this file>

archive.json       every file with its SHA-256; data sets with where they come from
config.yaml        the whole configuration, with tasks.yaml, published.csv and claims.yaml
requirements.lock  the packages of the environment
results/           what numbers are made of: features of test images, scores, seconds, records of trainings, the images
                   that figures show; run.json and the scores files say what made them, with digests
losses/            losses of trainings, each line an iteration (gzip)
made/              tables, figures and curves as they were made of that
code/              sources that differed from the commit; there is none where none did. Copy them into the clone
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


def pack(project: Project, root: Path, out: Path) -> ArchiveRecord:
    """Write a project's archive, whole, and return what it holds; `root` is the repository's folder.

    Raises UserError for a file that is missing, and for tables that were written by code of different commits.
    """
    plan, archive = project.plan, project.archive
    remade = [path for one in archive.resamplings() for path in (one.record, one.replicates)]
    record = ArchiveRecord(
        scale=plan.config.scale,
        part=plan.part,
        commit=written_at(project),
        data=_origins(project),
        evidence=_described([*archive.evidence(), *archive.records(), *_shown(project)]),
        made=_described([*archive.made(), *remade]),
    )
    files = {LOCK: root / LOCK, PUBLISHED: plan.published, CLAIMS: plan.base / plan.config.claims}
    files |= {file.path: Path(file.path) for file in record.evidence}
    files |= {f"{MADE}/{path.relative_to(paths.RESULTS)}": path for path in [*archive.made(), *archive.pictures()]}
    files |= {f"{CODE}/{name}": path for name in changed_sources(root) or () if (path := root / name).is_file()}
    with atomic_path(out) as partial, tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, text in texts(project, record).items():
            _add(tar, name, text.encode(), 0)
        for name, path in files.items():
            _add(tar, name, path.read_bytes(), path.stat().st_mtime)
        for path in archive.losses():
            name = f"{LOSSES}/{path.parent.relative_to(paths.RESULTS)}.jsonl.gz"
            _add(tar, name, gzip.compress(path.read_bytes(), mtime=0), path.stat().st_mtime)
    return record


def texts(project: Project, record: ArchiveRecord) -> dict[str, str]:
    """Return the files that describe an archive, each by its name."""
    about = {"scale": record.scale, "part": record.part, "commit": record.commit, "hash": record.commit.split()[0]}
    config = _whole_config(project)
    tasks = config.pop("tasks")
    as_yaml = {CONFIG: config, TASKS: tasks if "tasks" in tasks else {"tasks": tasks}}
    return {
        ABOUT: record.model_dump_json(indent=1),
        README: TEXT.format(**about),
        **{name: yaml.safe_dump(one, sort_keys=False, allow_unicode=True) for name, one in as_yaml.items()},
    }


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
    found = [path for figure in project.archive.shown() for _, row in shown_images(figure) for path in row]
    for figure in project.paper_figures.comparisons():
        if isinstance(figure.options, ComparisonOptions):
            found += shown_files(figure, figure.options)
    return found


def _origins(project: Project) -> list[DataOrigin]:
    plan = project.plan
    known = project.data.published if plan.config.data.source != "demo" else {}
    found = []
    for folder in dict.fromkeys(plan.manifest(task).parent for task in plan.headline_tasks):
        about = known.get(folder.name)
        said = {"site": about.site, "licence": about.licence} if about else {}
        found.append(DataOrigin(name=folder.name, training_hash=read_training_hash(folder), **said))
    return found


def _whole_config(project: Project) -> dict[str, Any]:
    """Return a configuration that names no file of the user's but those of the archive; `tasks` is that file's content.

    Files of generators that trainings start from are known by their SHA-256.
    """
    plan = project.plan
    config = plan.config.model_dump(mode="json", exclude_defaults=True)
    tables = load_mapping(plan.config.tables, plan.base, "tables")
    tasks = plan.config.tasks if isinstance(plan.config.tasks, dict) else read_yaml(plan.base / plan.config.tasks)
    return {**config, "tables": tables, "tasks": tasks}


def _add(tar: tarfile.TarFile, name: str, content: bytes, mtime: float) -> None:
    """Add a file whose owner and permissions are of no machine, and whose time of change is kept."""
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(content), mtime, 0o644
    tar.addfile(member, io.BytesIO(content))


def unpack(archive: Path, about: Path) -> ArchiveRecord:
    """Put an archive's evidence below results/, and what is about the archive into the folder `about`, all or nothing.

    Raises UserError for a file that is no archive or is damaged, and where results of the scale lie already.
    """
    if not archive.is_file():
        raise UserError(f"{archive} does not exist: {FILE}.")
    Path(paths.RESULTS).mkdir(exist_ok=True)
    with TemporaryDirectory(prefix=".archive-", dir=paths.RESULTS) as temporary:
        place = Path(temporary)
        try:
            record = _extract(archive, place)
        except (tarfile.TarError, OSError, KeyError, EOFError) as error:
            raise UserError(f"{archive} is no whole archive ({error}): {FILE}.") from error
        damaged = [file.path for file in record.evidence if sha256(place / file.path) != file.sha256]
        if damaged:
            raise UserError(f"{archive} is damaged: {damaged[0]} is not what was archived. Copy the archive again.")
        if (folder := Path(paths.RESULTS, record.scale)).exists():
            raise UserError(f"{folder} is there already: move it away, or unpack in another clone.")
        about.mkdir(parents=True, exist_ok=True)
        for name in DESCRIPTION:
            (place / name).replace(about / name)
        (place / folder).rename(folder)
    return record


def _extract(archive: Path, place: Path) -> ArchiveRecord:
    """Extract the description and the evidence of an archive below a folder."""
    with tarfile.open(archive) as tar:
        for name in DESCRIPTION:
            tar.extract(name, place, filter="data")
        record = read_file(ArchiveRecord, place / ABOUT, "record of an archive", FILE)
        for path in _inside(record):
            if not tar.getmember(path).isfile():
                raise UserError(f"{archive} is no whole archive ({path} is no file): {FILE}.")
            tar.extract(path, place, filter="data")
    return record


def _inside(record: ArchiveRecord) -> Iterator[str]:
    """Yield the paths of the evidence; UserError for one that is not below the folder of its scale."""
    for file in record.evidence:
        parts = PurePosixPath(file.path).parts
        if parts[:2] != (paths.RESULTS, record.scale) or ".." in parts or len(parts) < 3:
            raise UserError(f"The archive has a file for {file.path}, which is no result: {FILE}.")
        yield file.path


def placed_config(about: Path) -> Mapping[str, Any]:
    """Return the configuration of an unpacked archive, its files those that were unpacked."""
    files = {"tasks": TASKS, "published": PUBLISHED, "claims": CLAIMS}
    return {**read_yaml(about / CONFIG), **{key: str((about / name).resolve()) for key, name in files.items()}}
