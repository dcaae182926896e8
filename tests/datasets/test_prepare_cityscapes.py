"""Cityscapes prepared from the user's own two archives."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enco.data.folders import LABEL_SETS, SETS, load_labels
from enco.data.manifest import read_source
from enco.datasets.__main__ import main
from enco.errors import UserError
from tests.support.archive_server import Shop, files_of
from tests.support.make_archives import cityscapes_files, encoded, picture, zipped

ARCHIVES = ("leftImg8bit_trainvaltest.zip", "gtFine_trainvaltest.zip")
CITY_COUNTS = {"trainA": 2, "trainB": 2, "testA": 1, "testB": 1, "trainA_labels": 2, "testA_labels": 1}


@pytest.fixture
def city(shop: Shop) -> Shop:
    """A shop of Cityscapes, with the user's two archives in place."""
    archives = [{"name": name} for name in ARCHIVES]
    shop.describe({"archives": archives, "counts": CITY_COUNTS, "preparation": "cityscapes"})
    shop.archives.mkdir()
    for archive, files in zip(archives, cityscapes_files(), strict=True):
        (shop.archives / archive["name"]).write_bytes(zipped(files))
    return shop


@pytest.mark.parametrize("photo_filter", ["legacy", "bicubic-photo"])
def test_cityscapes_is_squashed_by_the_filter_that_is_named(city: Shop, photo_filter: str) -> None:
    folder = city.prepared("--photo-filter", photo_filter)
    photos, maps = cityscapes_files()
    scene = "aachen_000000_000019"
    assert files_of(folder)["trainA"] == ["aachen_000000_000019.jpg", "zurich_000001_000019.jpg"]
    sources = {"trainA": photos["leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png"]}
    sources["trainB"] = maps["gtFine/train/aachen/aachen_000000_000019_gtFine_color.png"]
    filters = {"trainA": Image.Resampling.BICUBIC if photo_filter == "bicubic-photo" else Image.Resampling.NEAREST}
    for name, source in sources.items():
        small = Image.open(io.BytesIO(source)).convert("RGB").resize((256, 256), filters.get(name, 0))
        expected = Image.open(io.BytesIO(encoded(small, "JPEG", quality=100, subsampling=0)))
        found = Image.open(folder / name / f"{scene}.jpg")
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected), err_msg=name)
        assert found.layer == [(1, 1, 1, 0), (2, 1, 1, 1), (3, 1, 1, 1)], "no chroma subsampling"  # type: ignore[attr-defined]
    assert json.loads((folder / "manifest.json").read_text())["source"]["photo_filter"] == photo_filter


def test_cityscapes_truth_keeps_its_size_and_becomes_train_ids(city: Shop) -> None:
    folder = city.prepared()
    _, maps = cityscapes_files()
    ids = np.asarray(Image.open(io.BytesIO(maps["gtFine/val/lindau/lindau_000002_000019_gtFine_labelIds.png"])))
    truth = load_labels(folder / "testA_labels" / "lindau_000002_000019.png")
    assert truth.shape == ids.shape == (32, 64)
    for label, train_id in {0: 255, 7: 0, 11: 2, 23: 10, 26: 13}.items():
        assert set(truth[ids == label]) <= {train_id}
    assert len(np.unique(truth)) > 2


def test_another_filter_remakes_cityscapes(city: Shop) -> None:
    before = (city.prepared() / "trainA" / "aachen_000000_000019.jpg").read_bytes()
    after = (city.prepared("--photo-filter", "bicubic-photo") / "trainA" / "aachen_000000_000019.jpg").read_bytes()
    assert before != after


def test_a_scene_without_its_label_map_is_named(city: Shop) -> None:
    _, maps = cityscapes_files()
    del maps["gtFine/train/zurich/zurich_000001_000019_gtFine_labelIds.png"]
    (city.archives / "gtFine_trainvaltest.zip").write_bytes(zipped(maps))
    assert "lack zurich_000001_000019_gtFine_labelIds.png" in city.refused()


def test_one_missing_archive_of_two_is_named_alone(city: Shop) -> None:
    (city.archives / "gtFine_trainvaltest.zip").unlink()
    said = city.refused()
    assert "needs gtFine_trainvaltest.zip, which" in said and "leftImg8bit" not in said


def test_label_sets_are_those_that_a_data_folder_may_have() -> None:
    assert set(CITY_COUNTS) == {*SETS, *LABEL_SETS}


def test_a_linked_folder_keeps_what_it_was_made_from(city: Shop, tmp_path: Path) -> None:
    folder = city.prepared("--photo-filter", "bicubic-photo")
    link = ["link", str(folder), "--out", str(tmp_path / "linked"), "--photo-filter"]
    with pytest.raises(UserError, match="prepared with the photo filter bicubic-photo, not legacy"):
        main([*link, "legacy"])
    assert main([*link, "bicubic-photo"]) == 0
    assert read_source(tmp_path / "linked") == read_source(folder)
    assert [file["name"] for file in read_source(folder)["archives"]] == list(ARCHIVES)
    (folder / "trainA" / "aachen_000000_000019.jpg").write_bytes(picture(5))
    assert main([*link, "legacy"]) == 0
    assert read_source(tmp_path / "linked") == {"folder": folder.name}, "images that were changed are the user's own"


def test_what_a_mac_adds_to_an_archive_is_no_scene(city: Shop) -> None:
    photos, _ = cityscapes_files()
    photos["__MACOSX/leftImg8bit/train/aachen/._aachen_000000_000019_leftImg8bit.png"] = b"resource fork"
    (city.archives / ARCHIVES[0]).write_bytes(zipped(photos))
    city.prepared()
