"""Which of the authors' generators a plan wants, for which tasks and metrics, and what is planned without any file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from enco.errors import UserError
from eval.released.planned import ReleasedTable
from eval.released.record import NOT_THERE, FoundFile, GeneratorRecord
from tests.system.test_imports import modules_after
from workflow import paths
from workflow.plan.plan import Plan
from workflow.plan.scale import load_scale
from workflow.project import Project

ROOT = Path(__file__).parents[2]
NONE: Any = SimpleNamespace()
CUT: Any = SimpleNamespace(released="cut-horse2zebra")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def project(files: Path, scale: str = "paper", sha256: str = "", **settings: Any) -> Project:
    """Plan a scale whose published files are in a folder; `sha256` is noted for CUT's archive."""
    config = load_scale(ROOT / "config" / f"{scale}.yaml").model_dump()
    content = yaml.safe_load((ROOT / "config" / "released.yaml").read_text())
    content["files"]["cut/pretrained_models.tar"]["sha256"] = sha256
    (files / "released.yaml").write_text(yaml.safe_dump(content))
    config["released"] |= {"files": files, "catalogue": files / "released.yaml"}
    return Project.of(Plan.load(config | settings, ROOT))


def planned(made: Project) -> ReleasedTable:
    return ReleasedTable.model_validate(made.released.table(NONE))


def test_a_task_has_every_metric_of_images_that_a_table_prints(tmp_path: Path) -> None:
    columns = {column.task: column.metrics for column in planned(project(tmp_path)).spec.columns}
    assert columns["cityscapes"] == ("mAP", "FID") and columns["horse2zebra"] == ("FID", "P&R")
    assert columns["facades"] == ("P&R", "FID") and len(columns) == 8


def test_what_only_the_user_can_get_starts_no_job_and_says_where_it_is(tmp_path: Path) -> None:
    made = project(tmp_path)
    records = {path.parent.name for path in made.released.records(NONE)}
    assert "cut-horse2zebra" in records and "drit-winter2summer" in records
    assert not [name for name in records if name.startswith(("dclgan", "qs_attn", "negcut", "fsesim", "gcgan"))]
    reasons = {(cell.row, cell.task): cell.reason for cell in planned(made).planned}
    assert reasons["dclgan", "dog2cat"] == NOT_THERE and reasons["cut", "cat2dog"] == ""
    asked = made.released.requests()
    assert len(asked) == len(set(asked)) == 16, "three of DCLGAN, nine of QS-Attn, two of FSeSim, NEGCUT's, GcGAN's"
    assert all("README of https://github.com/" in sentence and str(tmp_path) in sentence for sentence in asked)


def test_a_file_that_is_placed_is_planned(tmp_path: Path) -> None:
    (tmp_path / "dclgan").mkdir()
    (tmp_path / "dclgan" / "cat2dog.zip").touch()
    made = project(tmp_path)
    assert paths.fill(paths.IMPORTED_RECORD, released="dclgan-cat2dog") in made.released.records(NONE)
    assert not [sentence for sentence in made.released.requests() if "cat2dog.zip" in sentence]


def test_directions_are_those_of_the_task(tmp_path: Path) -> None:
    backward = project(tmp_path).released.backward
    ways = {("dclgan-cat2dog", "cat2dog"): "", ("dclgan-cat2dog", "dog2cat"): "--backward"}
    ways |= {("dclgan-cityscapes", "cityscapes"): "--backward", ("cyclegan-zebra2horse", "zebra2horse"): ""}
    for (released, task), flag in ways.items():
        assert backward(SimpleNamespace(released=released, test_task=task)) == flag


def test_a_part_of_the_grid_is_a_part_of_the_table(tmp_path: Path) -> None:
    table = planned(project(tmp_path, only={"tasks": ["cat2dog"], "rows": ["cut", "dclgan"]}))
    assert {row.key for row in table.spec.rows} == {"cut", "fastcut", "dclgan"}
    assert [column.task for column in table.spec.columns] == ["cat2dog"]
    with pytest.raises(UserError, match=r"released.yaml has no generator for .*: ask for other tasks or rows"):
        planned(project(tmp_path, only={"rows": ["enco"]}))


def test_a_task_that_is_left_out_says_why_and_fetches_nothing(tmp_path: Path) -> None:
    made = project(tmp_path, absent={"cityscapes": "wants a registration"})
    reasons = {cell.reason for cell in planned(made).planned if cell.task == "cityscapes"}
    assert reasons == {"wants a registration"}
    assert not [path for path in made.released.records(NONE) if path.parent.name.endswith("cityscapes")]
    assert not [sentence for sentence in made.released.requests() if "cityscapes" in sentence]


def test_only_an_import_that_stands_is_not_tried_again(tmp_path: Path) -> None:
    made, file = project(tmp_path), tmp_path / "models.tar"
    assert made.released.attempt(CUT) == 0
    file.write_bytes(b"models")
    record, generator = (
        paths.fill(path, released=CUT.released) for path in (paths.IMPORTED_RECORD, paths.IMPORTED_GENERATOR)
    )
    about = {"attempt": 3, "file": FoundFile.of(file), "members": ()}
    GeneratorRecord(gap=None, **about).write(record)
    assert made.released.attempt(CUT) == 4, "the generator is gone"
    generator.touch()
    assert made.released.attempt(CUT) == 3
    file.write_bytes(b"other models")
    assert made.released.attempt(CUT) == 4, "the file was replaced"
    file.unlink()
    assert made.released.attempt(CUT) == 3, "nothing is missed of a file that was imported"


def test_noting_the_hash_of_what_was_imported_remakes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "models.tar"
    file.write_bytes(b"models")
    record = GeneratorRecord(gap=None, attempt=0, file=FoundFile.of(file), members=())
    record.write(paths.fill(paths.IMPORTED_RECORD, released=CUT.released))
    paths.fill(paths.IMPORTED_GENERATOR, released=CUT.released).touch()
    file.unlink()
    assert record.file
    notes = ["", record.file.sha256[:16], "0" * 16]
    attempts, facts = zip(*(planned_import(project(tmp_path, sha256=note)) for note in notes), strict=True)
    assert attempts == (0, 0, 1), "0000 is the hash of another file"
    assert len(set(facts)) == 1


def planned_import(made: Project) -> tuple[int, str]:
    """Return all by which Snakemake tells whether CUT's generator is imported again."""
    return made.released.attempt(CUT), made.released.facts(CUT)


def test_no_table_of_ones_own_has_the_name(tmp_path: Path) -> None:
    table = {"rows": [{"key": "cut"}], "columns": [{"task": "cat2dog", "metrics": ["FID"]}]}
    with pytest.raises(UserError, match="table 'released' is that of the authors' generators: give yours another name"):
        project(tmp_path, tables={"released": table})


def test_planning_imports_neither_torch_nor_pandas() -> None:
    assert not {"torch", "pandas"} & modules_after("import workflow.project, workflow.inputs.released")
