"""`snakemake archive`, and everything made again of the archive where nothing of the data or the networks is."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from enco.errors import UserError
from enco.io.files import sha256
from tests.support.pipeline import ENVIRONMENT, pipeline
from workflow.archive import DESCRIPTION, ArchivedFile, ArchiveRecord, placed_config, texts, unpack
from workflow.project import Project
from workflow.rebuild import changed

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def archived(finished_pipeline: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archive a copy of the finished pipeline."""
    copy = Path(shutil.copytree(finished_pipeline, tmp_path_factory.mktemp("archived") / "copy", symlinks=True))
    pipeline(copy, "archive")
    return copy / "results" / "archive.tar"


def rebuild(archive: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Do what `make tables FROM=ARCHIVE` does, in a folder."""
    command = [sys.executable, "-m", "workflow.rebuild", str(archive), "--cores", "1"]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def test_all_tables_figures_and_curves_are_made_again_bit_by_bit(archived: Path, tmp_path: Path) -> None:
    done = rebuild(archived, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads((tmp_path / "results" / "archive" / "archive.json").read_text())["made"]
    assert f"{len(made)} of {len(made)} files are, to the bit" in done.stdout
    names = {Path(file["path"]).name for file in made}
    assert names >= {
        "methods.md",
        "cells.csv",
        "horse2zebra.png",
        "horse2zebra.svg",
        "scores.uncertainty.json",
        "figure8.pdf",
    }
    pictures = [file for file in made if file["path"].endswith((".png", ".npz"))]
    assert pictures and all(sha256(tmp_path / file["path"]) == file["sha256"] for file in pictures)
    claims = "results/claims.csv"
    assert (tmp_path / claims).read_text().count("\n") > 20
    assert not list(tmp_path.rglob("generator.safetensors")), "nothing was trained"
    again = rebuild(archived, tmp_path)
    assert again.returncode == 2 and "results/tiny is there already: move it away" in again.stderr


def test_a_changed_number_is_noticed_as_damage(archived: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.tar"
    content = archived.read_bytes()
    place = content.index(b'"frechet_distance":') + len(b'"frechet_distance": ')
    other = b"8" if content[place : place + 1] == b"9" else b"9"
    damaged.write_bytes(content[:place] + other + content[place + 1 :])
    done = rebuild(damaged, tmp_path)
    assert done.returncode == 2 and "is damaged" in done.stderr and "is not what was archived" in done.stderr
    assert not list((tmp_path / "results").iterdir()), "the whole one can be unpacked now"


def test_a_table_of_other_numbers_is_said_to_differ_and_one_of_another_commit_is_not(tmp_path: Path) -> None:
    table = tmp_path / "table1.csv"
    table.write_text("# Table written at: commit abc\n39.1\n")
    known = [ArchivedFile(path=str(table), bytes=1, sha256=sha256(table))]
    assert not changed(known, "abc", "abc")
    table.write_text("# Table written at: commit def\n39.1\n")
    assert not changed(known, "def", "abc")
    table.write_text("# Table written at: commit def\n39.2\n")
    assert changed(known, "def", "abc") == [str(table)]


def test_an_archive_says_where_everything_came_from(archived: Path) -> None:
    with tarfile.open(archived) as tar:
        names = set(tar.getnames())
        losses = gzip.decompress(tar.extractfile("losses/tiny/runs/horse2zebra/enco/seed0.jsonl.gz").read())  # type: ignore[union-attr]
        about = json.loads(tar.extractfile("archive.json").read())  # type: ignore[union-attr]
        text = tar.extractfile("README.txt").read().decode()  # type: ignore[union-attr]
    assert {"config.yaml", "published.csv", "claims.yaml", "requirements.lock", "made/methods.md"} <= names
    assert {file["path"] for file in about["evidence"]} <= names
    assert f"git checkout {about['commit'].split()[0]} && make tables FROM=" in text
    assert b'"iteration"' in losses
    assert {one["name"] for one in about["data"]} == {"horse2zebra", "cityscapes"}
    assert ("with uncommitted changes" in about["commit"]) == any(name.startswith("code/") for name in names)
    records = [name for name in names if name.endswith("run.json")]
    assert len(records) == 9 and not any(name.endswith((".safetensors", ".pt")) for name in names)


def test_what_is_no_archive_is_refused(archived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "half.tar").write_bytes(archived.read_bytes()[:100_000])
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.add(Path(__file__), "a.py")
    for name, said in (("none.tar", "does not exist"), ("half.tar", "no whole archive"), ("other.tar", "no whole")):
        with pytest.raises(UserError, match=said):
            unpack(tmp_path / name, tmp_path / "about")


@pytest.mark.parametrize(
    "path", ["Snakefile", "results/tiny/../../Snakefile", "/tmp/Snakefile", "results/other/a.json"]
)
def test_an_archive_writes_nowhere_but_below_the_results_of_its_scale(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").write_text("mine")
    file = ArchivedFile(path=path, bytes=1, sha256="0")
    record = ArchiveRecord(scale="tiny", part="seed0", commit="abc", data=[], evidence=[file], made=[])
    with tarfile.open("bad.tar", "w") as tar:
        for name in (*DESCRIPTION, path):
            content = record.model_dump_json().encode() if name == "archive.json" else b"theirs"
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    with pytest.raises(UserError, match="which is no result"):
        unpack(Path("bad.tar"), tmp_path / "about")
    assert (tmp_path / "Snakefile").read_text() == "mine"


def test_the_configuration_of_archives_of_ones_own_needs_no_other_file(tmp_path: Path) -> None:
    tasks = yaml.safe_load((ROOT / "config" / "datasets.yaml").read_text())
    tasks["datasets"]["mine"] = tasks["datasets"]["horse2zebra"]
    tasks["tasks"]["mine"] = {"dataset": "mine"}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(tasks))
    column = {"task": "mine", "metrics": ["FID"]}
    own = {"tables": {"t": {"rows": [{"key": "cut"}], "columns": [column]}}, "tasks": str(tmp_path / "own.yaml")}
    paper = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    project = Project.load(paper | own, ROOT)
    record = ArchiveRecord(scale="paper", part="seed0", commit="abc", data=[], evidence=[], made=[])
    for name, text in texts(project, record).items():
        (tmp_path / name).write_text(text)
    site = project.data.published["mine"].site
    (tmp_path / "own.yaml").unlink()
    again = Project.load(dict(placed_config(tmp_path)) | {"published": "config/published.csv"}, ROOT)
    assert again.data.published["mine"].site == site
    assert again.plan.grid == project.plan.grid
