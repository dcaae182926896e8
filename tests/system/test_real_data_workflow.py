"""The workflow on published archives: fetched from a server, asked of the user, prepared, trained on and scored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.support.file_server import FileServer
from tests.support.make_archives import cityscapes_files, image_files, zipped
from tests.support.pipeline import TINY, launch, pipeline

pytestmark = pytest.mark.slow

HORSES = {"trainA": 6, "trainB": 7, "testA": 8, "testB": 7}
SCENES = {
    "train": [f"aachen_{index:06}_000019" for index in range(6)],
    "val": [f"lindau_{index:06}_000019" for index in range(7)],
}
CITY = {"trainA": 6, "trainB": 6, "testA": 7, "testB": 7, "trainA_labels": 6, "testA_labels": 7}


@pytest.fixture(scope="module")
def server() -> Iterator[FileServer]:
    with FileServer({"horses.zip": zipped(image_files(HORSES))}) as server:
        yield server


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, server: FileServer) -> Path:
    """Make a folder with a scale that takes its images from archives; results come there, too."""
    folder = tmp_path_factory.mktemp("real")
    horses = server.files["horses.zip"]  # type: ignore[index]
    (folder / "datasets.yaml").write_text(
        yaml.safe_dump({"tasks": tasks(folder), "datasets": datasets(server.url("horses.zip"), horses)})
    )
    (folder / "scale.yaml").write_text(yaml.safe_dump(scale(folder)))
    return folder


def tasks(folder: Path) -> dict[str, Any]:
    return {
        "cityscapes": {"dataset": "cityscapes", "direction": "BtoA"},
        "horse2zebra": {"dataset": "horses", "direction": "AtoB"},
        "own": {"folder": str(folder / "my photos"), "direction": "AtoB"},
    }


def datasets(url: str, horses: bytes) -> dict[str, Any]:
    archive = {"name": "horses.zip", "url": url, "bytes": len(horses), "sha256": hashlib.sha256(horses).hexdigest()}
    both = [{"name": "leftImg8bit_trainvaltest.zip"}, {"name": "gtFine_trainvaltest.zip"}]
    city = {"archives": both, "counts": CITY, "preparation": "cityscapes"}
    about = {"site": "https://example.org", "licence": "none"}
    return {"horses": {**about, "archives": [archive], "counts": HORSES}, "cityscapes": {**about, **city}}


def scale(folder: Path) -> dict[str, Any]:
    tiny = yaml.safe_load(TINY.read_text())
    columns = [{"task": "cityscapes", "metrics": ["mAP", "FID"]}, {"task": "horse2zebra", "metrics": ["P&R", "FID"]}]
    rows = [{"key": "enco", "label": "EnCo"}]
    return tiny | {
        "scale": "real",
        "data": {"source": "archives", "root": str(folder / "data"), "archives": str(folder / "archives")},
        "tasks": str(folder / "datasets.yaml"),
        "tables": {
            "real": {"rows": rows, "columns": columns},
            "own": {"rows": rows, "columns": [{"task": "own", "metrics": ["FID"]}], "extra": True},
        },
    }


def run(place: Path, *arguments: str, check: bool = True) -> str:
    return pipeline(place, *arguments, config=place / "scale.yaml", check=check)


def put_own_photos(folder: Path) -> None:
    for name, content in image_files(HORSES, top="my photos").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@dataclass(frozen=True)
class Answers:
    """What the first calls said, and the datasets that they prepared."""

    data: str
    check_data: str
    prepared: list[str]


@pytest.fixture(scope="module")
def first(place: Path) -> Answers:
    """Ask for all data while Cityscapes' archives are missing."""
    put_own_photos(place)
    data = run(place, "data", check=False)
    prepared = (place / "results" / "real" / "data").glob("*/manifest.json")
    return Answers(data, run(place, "check_data"), sorted(path.parent.name for path in prepared))


@pytest.fixture(scope="module")
def made(place: Path, first: Answers) -> Path:
    """Put Cityscapes' archives in place and make the table; return the folder."""
    for name, files in zip(("leftImg8bit", "gtFine"), cityscapes_files(scenes=SCENES), strict=True):
        (place / "archives" / f"{name}_trainvaltest.zip").write_bytes(zipped(files))
    launch(place, "all_tables", config=place / "scale.yaml")
    return place


def test_what_can_be_had_is_prepared_and_the_rest_is_asked_for(place: Path, first: Answers) -> None:
    assert "cityscapes needs leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip" in first.data
    assert f"put them into {place / 'archives'}" in first.data
    assert first.prepared == ["horses", "own"]
    table = first.check_data.splitlines()
    lines = {line.split()[0]: line for line in table if line.startswith(("cityscapes ", "horse2", "own "))}
    assert "missing: get leftImg8bit" in lines["cityscapes"]
    assert "6/7/8/7" in lines["horse2zebra"] and lines["horse2zebra"].endswith("ready")
    assert lines["own"].endswith("ready")


def test_after_the_cure_the_table_is_made(made: Path, server: FileServer) -> None:
    assert len(server.requests) == 1, "the first call had fetched the horses"
    cells = pd.read_csv(made / "results" / "cells.csv")
    assert cells["value"].notna().all()
    for real_set in ("paired", "full"):
        assert {"FD (random Inception)", "precision", "recall"} <= set(cells[cells["real_set"] == real_set]["metric"])
    assert {"mAP", "mAP_real", "pixAcc_real", "IoU road_real"} <= set(cells["metric"])
    written = (made / "results" / "real.md").read_text()
    assert "leftImg8bit\\_trainvaltest.zip (sha256 " in written and "photo filter legacy" in written
    source = json.loads((made / "results/real/data/cityscapes/manifest.json").read_text())["source"]
    assert source["photo_filter"] == "legacy" and len(source["archives"]) == 2


@pytest.mark.parametrize(
    ("changes", "jobs"),
    [
        ({}, set()),
        ({"photo_filter": "bicubic-photo"}, {"archive_data"}),
        ({"mirror": "http://127.0.0.1:1"}, set()),
    ],
)
def test_a_changed_setting_remakes_what_depends_on_it(made: Path, changes: dict[str, str], jobs: set[str]) -> None:
    config = yaml.safe_load((made / "scale.yaml").read_text())
    config["data"] |= changes
    (made / "changed.yaml").write_text(yaml.safe_dump(config))
    said = pipeline(made, "-n", "data", config=made / "changed.yaml")
    planned = said.partition("Job stats:")[2].partition("Reasons:")[0]
    assert jobs <= set(planned.split()), said
    remade = {
        line.split()[0]: int(line.split()[1]) for line in planned.splitlines() if line.startswith(("archive", "fetch"))
    }
    if "photo_filter" in changes:
        assert remade == {"archive_data": 1}, "of Cityscapes alone"
    else:
        assert not remade, said


def test_a_failed_preparation_keeps_the_images_it_would_have_replaced(made: Path) -> None:
    archive = made / "archives" / "horses.zip"
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-100] + bytes(100))
    assert "horses.zip is truncated or neither a zip nor a tar" in run(made, "data", "-R", "archive_data", check=False)
    assert len(list((made / "results/real/data/horses/trainB").iterdir())) == HORSES["trainB"]
    archive.write_bytes(whole)
    run(made, "data")
    assert (made / "results/real/data/horses/manifest.json").is_file()
