"""Data sets fetched from a real server, checked, unpacked and prepared; and everything that can be wrong with them."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from enco.data.folders import SETS, load_rgb
from enco.data.manifest import verify_manifest
from enco.datasets.__main__ import main
from enco.datasets.catalogue import load_datasets
from enco.datasets.obtain import LocalArchive
from enco.datasets.prepare import prepare
from enco.errors import UserError
from tests.support.archive_server import COUNTS, NAME, Shop, files_of
from tests.support.file_server import FileServer
from tests.support.make_archives import (
    Files,
    encoded,
    image_files,
    picture,
    tarred,
    zipped,
)
from tests.support.tmpfs import tmpfs

CATALOGUE = Path(__file__).parents[2] / "config" / "datasets.yaml"


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
    assert str(shop.archives / "horses.zip") in said and "truncated" in said and "get horses.zip again" in said
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
    shop.offer(zipped(image_files(other)), other_releases={"Horses v2": other})
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
    assert "move it away" in shop.refused(), "the archive at hand is now not the one that is asked for"
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


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (".", "has other images than the paper used"),
        ("horses/trainA/" + 300 * "x" + ".jpg", "whose name is too long"),
        ("../a\nb.jpg", r"../a\nb.jpg, which leads out"),
    ],
)
def test_names_that_no_file_can_have_are_said_on_one_line(shop: Shop, name: str, said: str) -> None:
    shop.offer(zipped({**image_files({**COUNTS, "trainA": 1}), name: picture(0)}))
    assert said in shop.refused()


def test_what_is_there_twice_is_refused(shop: Shop) -> None:
    files = image_files(COUNTS)
    content = io.BytesIO(zipped(files))
    with zipfile.ZipFile(content, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("horses/trainA/0.jpg", picture(9))
    shop.offer(content.getvalue(), counts={**COUNTS, "trainA": 3})
    assert "horses/trainA/0.jpg twice" in shop.refused()


def test_two_files_whose_translations_would_share_a_name_are_refused(shop: Shop) -> None:
    shop.offer(zipped({**image_files({**COUNTS, "trainA": 2}), "horses/trainA/0.png": picture(7, format="PNG")}))
    assert "0.jpg and 0.png in trainA" in shop.refused()


def test_a_file_larger_than_any_image_is_not_unpacked(shop: Shop) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb.jpg", "w") as member:
        for _ in range(300):
            member.write(bytes(2**20))
    shop.offer(bomb.getvalue())
    assert "bomb.jpg, of 314572800 bytes, which is more than an image has" in shop.refused()


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
    command = [sys.executable, "-m", "enco.datasets", *shop.words()]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(shop.server.requests) == 1
    verify_manifest(shop.out)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB; without the right to mount one the test is skipped."""
    with tmpfs(tmp_path / "disk", "size=512k") as disk:
        yield disk


def test_a_full_disk_is_said_and_left_clean(shop: Shop, small_disk: Path) -> None:
    files = {f"horses/trainA/{i}.png": picture(i, (160, 160), "PNG", compress_level=0) for i in range(8)}
    shop.offer(zipped({**image_files(COUNTS | {"trainA": 0}), **files}), counts=COUNTS | {"trainA": 8})
    shop.out = small_disk / NAME
    assert "Disk full while writing" in shop.refused()
    assert all(path.suffix == ".lock" for path in small_disk.iterdir()), "only locks are left"
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


def test_own_images_with_a_manifest_are_not_replaced_either(shop: Shop) -> None:
    shop.offer(zipped(image_files(COUNTS)))
    for name, content in image_files(dict.fromkeys(SETS, 1), top="").items():
        path = shop.out / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert main(["manifest", str(shop.out)]) == 0
    assert "not replaced" in shop.prepare()[1]
    assert files_of(shop.out)["trainB"] == ["0.jpg"]
    shop.prepared("--replace")


def test_a_mirror_that_is_neither_address_nor_folder_is_said(shop: Shop) -> None:
    shop.offer(zipped(image_files(COUNTS)))
    assert "mirror /nowhere is neither an address nor a folder" in shop.refused("--mirror", "/nowhere")


def test_what_was_fetched_is_prepared_without_looking_further(shop: Shop) -> None:
    shop.offer(zipped(image_files(COUNTS)))
    record, words = shop.folder / "record.json", shop.words()[1:6]
    assert main(["fetch", *words, "--record", str(record)]) == 0
    shop.server.stop()
    shop.prepared("--fetched", str(record))
    shutil.rmtree(shop.out)
    (shop.archives / "horses.zip").write_bytes(b"")
    assert f"has gone or changed since it was checked: delete {record}" in shop.refused("--fetched", str(record))


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
        prepare(name, load_datasets(CATALOGUE)[name], [LocalArchive.of(archive)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_papers_catalogue_is_what_the_sources_say() -> None:
    datasets = load_datasets(CATALOGUE)
    train = {name: (d.counts["trainA"], d.counts["trainB"]) for name, d in datasets.items()}
    assert train["afhq"] == (5153, 4739) and train["vangogh2photo"] == (400, 6287)
    known = {a.name: (a.bytes, a.sha256) for d in datasets.values() for a in d.archives if a.sha256}
    assert known == {  # as tensorflow_datasets has recorded them
        "horse2zebra.zip": (116_867_962, "a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1"),
        "summer2winter_yosemite.zip": (132_640_856, "167fe1726807a9d22bd106b4a6c0bd7953b688af924ac1bf967439c4961e49f9"),
        "vangogh2photo.zip": (306_590_349, "362c3473e70be0944bda08d49d660eafdc2854df55d697835b8186d1d79caaff"),
        "facades.zip": (35_135_868, "9a31ebf3a31b9b5cd195dd5bf62e9308e00cb94604d1019e3889ac84248695c0"),
    }
    assert [a.url for a in datasets["cityscapes"].archives] == [None, None], "only the user can get them"


def test_images_that_went_are_prepared_again(shop: Shop) -> None:
    shop.offer(zipped(image_files(COUNTS)))
    (shop.prepared() / "trainA" / "1.jpg").unlink()
    assert len(files_of(shop.prepared())["trainA"]) == COUNTS["trainA"]
