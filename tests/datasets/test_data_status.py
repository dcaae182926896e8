"""What is said of each task's images: drawn, the user's own, from archives, or missing; and of a wrong catalogue."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from enco.data.manifest import write_manifest
from enco.datasets.catalogue import Dataset, TaskConfig, load_datasets, load_tasks
from enco.datasets.demo import make_archive
from enco.datasets.paths import DataPaths
from enco.datasets.status import READY, TaskStatus, task_statuses
from enco.errors import UserError
from tests.support.archive_server import COUNTS, Shop
from tests.support.make_archives import image_files
from workflow.plan.scale import load_scale
from workflow.project import Project

ROOT = Path(__file__).parents[2]
HORSES = Dataset.model_validate(
    {
        "site": "https://example.org",
        "licence": "none",
        "archives": [{"name": "horses.zip", "url": "http://localhost/horses.zip"}, {"name": "more.zip"}],
        "counts": COUNTS,
        "other_releases": {"Horses v2": {"trainA": 1}},
    }
)


def status(paths: DataPaths, dataset: str = "horses", **task: Any) -> TaskStatus:
    config = TaskConfig.model_validate(task or {"dataset": dataset})
    return task_statuses({"task": config}, {"horses": HORSES}, paths)[0]


def put_images(folder: Path, **counts: int) -> Path:
    for name, content in image_files(COUNTS | counts, top="").items():
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def data_paths(folder: Path, **changes: Any) -> DataPaths:
    given: dict[str, Any] = {"root": folder / "data", "archives": folder / "archives", "base": folder, **changes}
    return DataPaths(folder / "prepared", **given)


def test_archives_are_missing_there_or_prepared(tmp_path: Path) -> None:
    assert status(data_paths(tmp_path)).status.startswith("missing: get more.zip from https://example.org into")
    (tmp_path / "archives").mkdir()
    (tmp_path / "archives" / "more.zip").touch()
    assert status(data_paths(tmp_path)).status == "not fetched yet: `python -m enco.datasets prepare horses` does it"
    (tmp_path / "archives" / "horses.zip").touch()
    assert status(data_paths(tmp_path)).status == "here, not prepared: `python -m enco.datasets prepare horses` does it"
    write_manifest(put_images(tmp_path / "prepared" / "horses"), {"dataset": "horses"})
    found = status(data_paths(tmp_path))
    assert (found.source, found.found, found.expected, found.status) == (
        "horses.zip + more.zip",
        "3/4/2/1",
        "3/4/2/1",
        READY,
    )
    next((tmp_path / "prepared" / "horses" / "testB").iterdir()).unlink()
    assert "no longer whole" in status(data_paths(tmp_path)).status


def test_a_folder_of_the_users_comes_before_archives(tmp_path: Path) -> None:
    put_images(tmp_path / "data" / "horses", trainA=1)
    found = status(data_paths(tmp_path))
    assert found.source.endswith("data/horses") and found.found == "1/4/2/1"
    assert found.status == "not as expected, Horses v2, 1 in trainA (expected 3): get the release that has these"


def test_a_tasks_own_folder_counts_from_the_base(tmp_path: Path) -> None:
    put_images(tmp_path / "my photos")
    assert status(data_paths(tmp_path), folder=Path("my photos")).status == READY
    assert "does not exist" in status(data_paths(tmp_path), folder=Path("no photos")).status


def test_where_folders_are_the_source_a_missing_one_is_named(tmp_path: Path) -> None:
    assert "data/horses/trainA does not exist" in status(data_paths(tmp_path, source="folder")).status


def test_the_demo_is_drawn_and_not_fetched(tmp_path: Path) -> None:
    task = {"horses": TaskConfig(dataset="horse2zebra")}
    drawn = DataPaths(tmp_path, source="demo")
    expected = {"horse2zebra": {"trainA": 2, "trainB": 2, "testA": 2, "testB": 2}}
    assert task_statuses(task, {}, drawn, expected)[0].status == "not drawn yet: `snakemake data` draws it"
    make_archive("horse2zebra", tmp_path, size=16, scale_counts=0.01)
    assert task_statuses(task, {}, drawn, expected)[0] == TaskStatus("horses", "drawn", "2/2/2/2", "2/2/2/2", READY)


def test_a_dataset_that_is_not_in_the_catalogue_is_said(tmp_path: Path) -> None:
    assert status(data_paths(tmp_path), dataset="hroses").status.startswith("unknown: no data set")
    config = load_scale(ROOT / "config" / "paper.yaml").model_dump()
    config["tasks"] = {"mine": {"dataset": "hroses"}}
    config["tables"] = {
        "mine": {"rows": [{"key": "cut", "label": "CUT"}], "columns": [{"task": "mine", "metrics": ["FID"]}]}
    }
    config |= {"epochs": {"default": (1, 1)}, "task_options": {}}
    with pytest.raises(UserError, match=r"Unknown data set 'hroses' in task mine: choose one of .*horse2zebra"):
        Project.load(config, ROOT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("datasets:\n", "'datasets' in .* is no mapping"),
        ("datasets: [a]\n", "'datasets' in .* is no mapping"),
        ("tasks:\n", "'tasks' in .* is no mapping"),
        ("just words\n", "holds no mapping"),
        ("a: [\n", "not readable YAML"),
        (b"\xff\xfe\x00", "not readable"),
        ({"counts": {"trainA": 1}}, "there is none for trainB"),
        ({"counts": COUNTS | {"testB": 0}}, "there is none for testB"),
        ({"counts": COUNTS | {"train": 1}}, "'train' is no image set"),
        ({"archives": []}, "archives"),
        ({"archives": [{"name": "../a.zip"}]}, "name"),
        ({"archives": [{"name": "a.zip", "sha256": "no"}]}, "sha256"),
        ({"colour": "red"}, "Unknown key 'colour'"),
    ],
)
def test_a_wrong_catalogue_is_one_sentence(tmp_path: Path, text: str | bytes | dict[str, Any], said: str) -> None:
    path = tmp_path / "datasets.yaml"
    if isinstance(text, dict):
        entry = {"site": "here", "licence": "none", "archives": [{"name": "a.zip"}], "counts": COUNTS, **text}
        text = yaml.safe_dump({"datasets": {"horses": entry}})
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=said) as error:
        load_datasets(path)
        load_tasks(path)
    assert "\n" not in str(error.value)


def test_the_command_ends_with_1_while_something_is_missing(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    from enco.datasets.__main__ import main

    shop.describe({"archives": [{"name": "horses.zip"}], "counts": COUNTS})
    where = ["--prepared", str(shop.folder / "prepared"), *shop.words()[2:6]]
    assert main(["check", *where]) == 1
    assert "missing: get horses.zip" in capsys.readouterr().out


def own_state(folder: Path) -> str:
    config = load_scale(ROOT / "config" / "photos.yaml").model_dump()
    (task,) = config["tasks"]
    config["tasks"][task] = {"folder": str(folder)}
    named = SimpleNamespace(dataset=task)
    return str(Project.load(config, ROOT).data.own_state(named))  # type: ignore[arg-type]


def test_a_users_folder_is_the_same_as_long_as_names_and_sizes_are(tmp_path: Path) -> None:
    folder = put_images(tmp_path / "mine")
    before = own_state(folder)
    (folder / "trainA" / ".DS_Store").write_text("touched")
    (folder / "trainA" / "notes.txt").write_text("no image")
    for path in folder.rglob("*"):
        os.utime(path)
    assert (
        own_state(folder) == before == own_state(shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copy))
    )
    image = next((folder / "trainB").glob("*.*"))
    image.write_bytes(image.read_bytes() + b"0")
    changed = own_state(folder)
    image.unlink()
    assert len({before, changed, own_state(folder), own_state(tmp_path / "no folder")}) == 4
