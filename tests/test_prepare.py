"""Data sets fetched from a real server, checked, unpacked and prepared; and everything that can be wrong with them."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from enco.data.__main__ import main
from enco.data.catalogue import load_datasets
from enco.data.folders import LABEL_SETS, SETS, load_labels, load_rgb
from enco.data.manifest import verify_manifest
from enco.data.prepare import prepare
from enco.errors import UserError, run_cli
from tests.file_server import FileServer
from tests.make_archives import (
    Files,
    catalogue,
    cityscapes_files,
    encoded,
    image_files,
    picture,
    tarred,
    zipped,
)

CATALOGUE = Path(__file__).parent.parent / "config" / "datasets.yaml"
COUNTS = {"trainA": 3, "trainB": 4, "testA": 2, "testB": 1}
NAME = "horses"


class Shop:
    """A folder with a catalogue of one data set, whose archive a server has."""

    def __init__(self, folder: Path, server: FileServer) -> None:
        self.folder, self.server = folder, server
        self.archives, self.out = folder / "archives", folder / "prepared" / NAME

    def offer(self, content: bytes, name: str = "horses.zip", known: bool = True, **changes: Any) -> None:
        """Serve an archive and say in the catalogue what it should be."""
        self.server.files = {name: content}
        digest = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} if known else {}
        archive = {"name": name, "url": self.server.url(name), **digest}
        self.describe({"archives": [archive], "counts": COUNTS, **changes})

    def describe(self, dataset: Mapping[str, Any]) -> None:
        (self.folder / "datasets.yaml").write_text(catalogue(dataset), encoding="utf-8")

    def words(self, *arguments: str) -> list[str]:
        """The command line of `python -m enco.data`."""
        places = ["--catalogue", str(self.folder / "datasets.yaml"), "--archives", str(self.archives)]
        return ["prepare", NAME, *places, "--out", str(self.out), *arguments]

    def prepare(self, *arguments: str) -> tuple[int, str]:
        """Exit status and standard error."""
        said = io.StringIO()
        with redirect_stderr(said), pytest.raises(SystemExit) as end:
            run_cli(lambda: main(self.words(*arguments)))
        return int(end.value.code or 0), said.getvalue()

    def prepared(self, *arguments: str) -> Path:
        """The data folder; fails unless it is made."""
        status, said = self.prepare(*arguments)
        assert status == 0, said
        return self.out

    def refused(self, *arguments: str) -> str:
        """The one sentence that preparing ends with; nothing half-made is left."""
        status, said = self.prepare(*arguments)
        last = said.strip().splitlines()[-1]
        assert status == 2 and last.startswith("error: ")
        assert not self.out.exists() and not list(self.folder.rglob("*.partial"))
        return last


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with FileServer({}) as server:
        yield Shop(tmp_path, server)


def files_of(folder: Path) -> dict[str, list[str]]:
    return {name: sorted(path.name for path in (folder / name).iterdir()) for name in SETS}


def test_an_archive_becomes_a_data_folder_with_a_manifest(shop: Shop) -> None:
    files = image_files(COUNTS)
    shop.offer(zipped({**files, "horses/": b"", "horses/trainA/notes.txt": b"", "__MACOSX/horses/trainA/._0.jpg": b""}))
    folder = shop.prepared()
    assert {name: len(found) for name, found in files_of(folder).items()} == COUNTS
    assert (folder / "trainB" / "3.jpg").read_bytes() == files["horses/trainB/3.jpg"], "bytes are kept as published"
    manifest = json.loads((folder / "manifest.json").read_text())
    first = manifest["sets"]["trainA"][0]
    assert first | {"sha256": 0} == {"file": "0.jpg", "bytes": first["bytes"], "sha256": 0, "width": 24, "height": 24}
    (archive,) = manifest["source"]["archives"]
    assert archive["sha256"] == hashlib.sha256(shop.server.files["horses.zip"]).hexdigest()  # type: ignore[index]
    verify_manifest(folder)


def test_nothing_is_fetched_or_made_twice(shop: Shop) -> None:
    shop.offer(zipped(image_files(COUNTS)))
    made = (shop.prepared() / "manifest.json").stat().st_mtime_ns
    assert (shop.prepared() / "manifest.json").stat().st_mtime_ns == made
    shutil.rmtree(shop.out)
    shop.prepared()
    assert len(shop.server.requests) == 1, "the archive was at hand"


@pytest.mark.parametrize("make", [zipped, tarred])
def test_zip_and_tar_with_folders_of_other_names(shop: Shop, make: Any) -> None:
    sets = {"trainA": ["train/cat"], "trainB": ["train/dog"], "testA": ["val/cat", "test/cat"], "testB": ["val/dog"]}
    inside = {"train/cat": 3, "train/dog": 4, "train/wild": 2, "test/cat": 2, "val/dog": 1}
    shop.offer(make(image_files(inside, top="afhq")), name="afhq.bin", sets=sets)
    assert files_of(shop.prepared())["testA"] == ["0.jpg", "1.jpg"]


def test_an_interrupted_download_goes_on_and_is_prepared(shop: Shop) -> None:
    files = image_files(COUNTS) | {"horses/filler.bin": np.random.default_rng(0).bytes(4_000_000)}
    shop.offer(zipped(files))
    shop.server.break_after = 3_000_000
    shop.prepared()
    ranges = [request.range for request in shop.server.requests]
    assert ranges[0] is None and ranges[1] and int(ranges[1].removeprefix("bytes=").rstrip("-")) > 0


def test_a_wrong_hash_is_said_and_the_right_file_then_taken(shop: Shop) -> None:
    right = zipped(image_files(COUNTS))
    shop.offer(right)
    shop.server.files = {"horses.zip": right[:-1] + b"x"}
    assert "its SHA-256 starts with" in shop.refused()
    shop.server.files = {"horses.zip": right}
    shop.prepared()


def test_a_truncated_archive_put_by_hand_is_said(shop: Shop) -> None:
    right = zipped(image_files(COUNTS))
    shop.offer(right, known=False)
    shop.archives.mkdir()
    (shop.archives / "horses.zip").write_bytes(right[: len(right) // 2])
    said = shop.refused()
    assert str(shop.archives / "horses.zip") in said and "truncated" in said and "delete horses.zip" in said
    (shop.archives / "horses.zip").unlink()
    shop.prepared()


def test_a_truncated_archive_of_known_size_is_said_before_it_is_opened(shop: Shop) -> None:
    right = zipped(image_files(COUNTS))
    shop.offer(right)
    shop.archives.mkdir()
    (shop.archives / "horses.zip").write_bytes(right[:100])
    assert f"it has 100 bytes, not {len(right)}" in shop.refused()


def test_a_damaged_member_is_said(shop: Shop) -> None:
    content = bytearray(zipped(image_files(COUNTS)))
    content[60] ^= 0xFF  # in the first image: the zip's own checksum tells
    shop.offer(bytes(content))
    assert "damaged" in shop.refused()


def test_other_counts_are_all_said(shop: Shop) -> None:
    shop.offer(zipped(image_files({**COUNTS, "trainA": 2, "testB": 5})))
    said = shop.refused()
    assert "2 in trainA (expected 3)" in said and "5 in testB (expected 1)" in said and "trainB" not in said
    assert "get horses.zip from https://example.org/data" in said


def test_a_release_that_is_mistaken_for_the_right_one_is_called_by_its_name(shop: Shop) -> None:
    other = {"trainA": 2, "trainB": 2, "testA": 1, "testB": 1}
    shop.offer(zipped(image_files(other)), mistaken_for={"Horses v2": other})
    assert "has Horses v2, which is not what the paper used" in shop.refused()


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("evil", ["../evil.jpg", "/etc/evil.jpg", "horses/trainA/../../../evil.jpg", "..\\evil.jpg"])
def test_names_that_lead_out_are_refused(shop: Shop, make: Any, evil: str) -> None:
    shop.offer(make({**image_files(COUNTS), evil: picture(0)}))
    assert "leads out of its folder" in shop.refused()
    assert not list(shop.folder.rglob("evil.jpg"))


@pytest.mark.parametrize("hard", [None, False, True])
def test_links_are_refused(shop: Shop, hard: bool | None) -> None:
    links = {"horses/trainA/9.jpg": "/etc/passwd"}
    files = image_files(COUNTS)
    shop.offer(zipped(files, links) if hard is None else tarred(files, links, hard))
    assert "horses/trainA/9.jpg, a link" in shop.refused()


def test_two_folders_for_one_set_are_refused(shop: Shop) -> None:
    shop.offer(zipped({**image_files(COUNTS), **image_files({"trainA": 1}, top="ponies")}))
    assert "horses/trainA and ponies/trainA, which are both trainA" in shop.refused()


def test_a_corrupt_image_is_named_with_its_archive(shop: Shop) -> None:
    files = image_files(COUNTS)
    files["horses/trainB/2.jpg"] = files["horses/trainB/2.jpg"][:200]
    shop.offer(zipped(files))
    said = shop.refused()
    assert "horses/trainB/2.jpg in " in said and "horses.zip" in said and "truncated" in said
    shop.offer(zipped(image_files(COUNTS)))
    assert "delete" in shop.refused(), "the archive at hand is now not the one that is asked for"
    (shop.archives / "horses.zip").unlink()
    shop.prepared()


def test_images_of_every_kind_are_taken(shop: Shop) -> None:
    grey = Image.fromarray(np.arange(24 * 24, dtype=np.uint16).reshape(24, 24) * 113)
    turned = Image.Exif()
    turned[0x0112] = 6
    odd: Files = {
        "grey.png": encoded(Image.open(io.BytesIO(picture(1))).convert("L"), "PNG"),
        "cmyk.jpg": encoded(Image.open(io.BytesIO(picture(2))).convert("CMYK"), "JPEG"),
        "sixteen.png": encoded(grey, "PNG"),
        "turned by phone.jpg": picture(3, (24, 16), exif=turned),
        "Сивка бурка – 馬.JPG": picture(4),
    }
    files = image_files({**COUNTS, "trainA": 0})
    shop.offer(zipped({**files, **{f"horses/trainA/{n}": c for n, c in odd.items()}}), counts={**COUNTS, "trainA": 5})
    folder = shop.prepared()
    assert files_of(folder)["trainA"] == sorted(odd)
    images = {name: load_rgb(folder / "trainA" / name) for name in odd}
    assert all(image.mode == "RGB" for image in images.values())
    assert images["turned by phone.jpg"].size == (16, 24)
    levels = np.asarray(images["sixteen.png"])[..., 0]
    np.testing.assert_array_equal(levels, np.asarray(grey) >> 8)


def test_a_mirror_is_asked_instead(shop: Shop, tmp_path: Path) -> None:
    content = zipped(image_files(COUNTS))
    shop.offer(content)
    shop.server.files = {}
    with FileServer({"horses.zip": content}) as mirror:
        shop.prepared("--mirror", mirror.url())
    assert not shop.server.requests


def test_a_folder_of_archives_is_read_and_not_written_to(shop: Shop, tmp_path: Path) -> None:
    content = zipped(image_files(COUNTS))
    shop.offer(content)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "horses.zip").write_bytes(content)
    shop.prepared("--mirror", str(tmp_path / "shared"))
    assert not shop.server.requests and not shop.archives.exists()
    assert [path.name for path in (tmp_path / "shared").iterdir()] == ["horses.zip"]


def test_what_only_the_user_can_get_is_asked_for_in_one_sentence(shop: Shop) -> None:
    shop.describe({"archives": [{"name": "a.zip"}, {"name": "b.zip"}], "counts": COUNTS})
    said = shop.refused()
    assert "needs a.zip and b.zip" in said and "https://example.org/data" in said and str(shop.archives) in said


def test_two_that_prepare_the_same_set_at_once_take_turns(shop: Shop) -> None:
    shop.offer(zipped({**image_files(COUNTS), "horses/filler.bin": np.random.default_rng(0).bytes(400_000)}))
    shop.server.pause = 0.1
    command = [sys.executable, "-m", "enco.data", *shop.words()]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(shop.server.requests) == 1
    verify_manifest(shop.out)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB; without the right to mount one the test is skipped."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", place], check=False).returncode:
        pytest.skip("may not mount a file system here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_is_said_and_left_clean(shop: Shop, small_disk: Path) -> None:
    files = {f"horses/trainA/{i}.png": picture(i, (160, 160), "PNG", compress_level=0) for i in range(8)}
    shop.offer(zipped({**image_files(COUNTS | {"trainA": 0}), **files}), counts=COUNTS | {"trainA": 8})
    shop.out = small_disk / NAME
    assert "Disk full while writing" in shop.refused()
    assert all(path.stat().st_size == 0 for path in small_disk.iterdir()), "only locks are left"
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    shop.prepared()


def test_a_read_only_folder_is_said(shop: Shop, small_disk: Path) -> None:
    shop.offer(zipped(image_files(COUNTS)))
    shop.out = small_disk / "here" / NAME
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert str(small_disk) in shop.refused()
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    shop.prepared()


def test_own_files_in_the_way_are_not_replaced(shop: Shop) -> None:
    shop.offer(zipped(image_files(COUNTS)))
    shop.out.mkdir(parents=True)
    (shop.out / "thesis.txt").write_text("mine")
    status, said = shop.prepare()
    assert status == 2 and "not replaced" in said
    assert [path.name for path in shop.out.iterdir()] == ["thesis.txt"]


CITY_COUNTS = {"trainA": 2, "trainB": 2, "testA": 1, "testB": 1, "trainA_labels": 2, "testA_labels": 1}


@pytest.fixture
def city(shop: Shop) -> Shop:
    """A shop of Cityscapes, with the user's two archives in place."""
    archives = [{"name": name} for name in ("leftImg8bit_trainvaltest.zip", "gtFine_trainvaltest.zip")]
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


def test_a_folder_that_became_read_only_is_said(shop: Shop, small_disk: Path) -> None:
    shop.offer(zipped(image_files(COUNTS)))
    shop.out = small_disk / NAME
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert "a folder that you may write to" in shop.refused()


@pytest.mark.parametrize(
    ("name", "inside", "said"),
    [
        ("afhq", {"train/cat": 5065, "train/dog": 4678, "test/cat": 493, "test/dog": 491}, "has AFHQ v2"),
        ("horse2zebra", {"trainA": 939, "trainB": 1177, "testA": 120, "testB": 140}, "CycleGAN's documentation"),
        ("vangogh2photo", {"trainA": 400, "trainB": 6287, "testA": 400, "testB": 750}, "750 in testB (expected 751)"),
    ],
)
def test_other_releases_of_the_papers_data_are_refused_by_count(
    tmp_path: Path, name: str, inside: dict[str, int], said: str
) -> None:
    files = {f"{name}/{folder}/{i}.png": b"" for folder, count in inside.items() for i in range(count)}
    archive = tmp_path / f"{name}.zip"
    archive.write_bytes(zipped(files))
    with pytest.raises(UserError, match=re.escape(said)):
        prepare(name, load_datasets(CATALOGUE)[name], [archive], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_papers_catalogue_is_what_the_sources_say() -> None:
    datasets = load_datasets(CATALOGUE)
    train = {name: (d.counts["trainA"], d.counts["trainB"]) for name, d in datasets.items()}
    assert train["afhq"] == (5153, 4739) and train["vangogh2photo"] == (400, 6287)
    known = {a.name: (a.bytes, a.sha256[:16]) for d in datasets.values() for a in d.archives if a.sha256}
    assert known == {
        "horse2zebra.zip": (116_867_962, "a74d9d392eecca99"),
        "summer2winter_yosemite.zip": (132_640_856, "167fe1726807a9d2"),
        "vangogh2photo.zip": (306_590_349, "362c3473e70be094"),
        "facades.zip": (35_135_868, "9a31ebf3a31b9b5c"),
    }
    assert [a.url for a in datasets["cityscapes"].archives] == [None, None], "only the user can get them"
