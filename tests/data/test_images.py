"""Images on disk and as tensors."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from enco.data import images, manifest
from enco.data.manifest import (
    hash_set,
    read_manifest_hash,
    read_set_hashes,
    training_hash,
    verify_manifest,
    write_manifest,
)
from enco.datasets.check import check_counts, summarise, table
from enco.errors import UserError
from enco.io.files import sha256
from enco.options.base import Interpolation


def save(path: Path, size: tuple[int, int] = (20, 12), level: int = 90, mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, level if mode == "L" else (level, 30, 200)).save(path)
    return path


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("trainA", "trainB", "testA", "testB"):
        for number in range(3):
            save(tmp_path / name / f"{number}.png", level=number * 40)
    return tmp_path


def test_list_is_sorted_and_takes_any_case_but_no_other_files(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "c.JPEG"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._a.jpg").write_bytes(b"no image either")
    assert [p.name for p in images.list_images(tmp_path)] == ["a.jpg", "b.PNG", "c.JPEG"]


def test_missing_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere does not exist"):
        images.list_images(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds no image"):
        images.list_images(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_truncated_image_is_named(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"good.{suffix}", (64, 64))
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / f"bad.{suffix}")
    truncate(tmp_path / f"bad.{suffix}")
    with pytest.raises(UserError, match=rf"bad\.{suffix} is truncated or not an image"):
        images.check_images(tmp_path)


def test_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_text("<html>404</html>")
    with pytest.raises(UserError, match=r"page\.png"):
        images.check_images(tmp_path)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    Image.new("RGB", (5, 4), (255, 255, 255)).convert(mode).save(tmp_path / "x.png")
    assert images.load_rgb(tmp_path / "x.png").mode == "RGB"


def test_to_tensor_maps_levels_to_minus_one_and_one() -> None:
    array = np.array([[[0, 255, 51]]], dtype=np.uint8)
    tensor = images.to_tensor(Image.fromarray(array))
    assert tensor.shape == (3, 1, 1)
    torch.testing.assert_close(tensor.flatten(), torch.tensor([-1.0, 1.0, -0.6]))


def test_truncation_lowers_63_grey_levels_by_one_and_rounding_none() -> None:
    levels = np.arange(256, dtype=np.uint8)
    tensor = images.to_tensor(Image.fromarray(np.repeat(levels[None, :, None], 3, axis=2)))
    back = images.to_uint8(tensor)[0, :, 0]
    assert (levels.astype(int) - back).tolist().count(1) == 63
    assert set((levels.astype(int) - back).tolist()) == {0, 1}
    np.testing.assert_array_equal(images.to_uint8(tensor, rounding=True)[0, :, 0], levels)


@given(st.floats(-3, 3, width=32))
def test_to_uint8_clamps(value: float) -> None:
    level = images.to_uint8(torch.full((3, 1, 1), value))[0, 0, 0]
    clamped = np.float32(min(max(value, -1.0), 1.0))  # in double precision a whole level can be one lower
    assert level == int((clamped + np.float32(1)) / np.float32(2) * np.float32(255))


def test_to_uint8_takes_batches() -> None:
    assert images.to_uint8(torch.zeros(2, 3, 4, 5)).shape == (2, 4, 5, 3)


@pytest.mark.parametrize("name", ["bicubic", "bilinear"])
def test_test_image_is_a_plain_resize_by_the_filter_named(name: Interpolation, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (12, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    wanted = Image.fromarray(pixels).resize((16, 16), getattr(Image.Resampling, name.upper()))
    torch.testing.assert_close(images.test_image(tmp_path / "x.png", 16, name), images.to_tensor(wanted))


def test_manifest_hash_changes_with_any_file(root: Path) -> None:
    first = write_manifest(root)
    assert read_manifest_hash(root) == first == write_manifest(root)
    save(root / "testB" / "1.png", level=41)
    assert write_manifest(root) != first


def test_manifest_needs_all_four_sets(root: Path) -> None:
    for path in (root / "testB").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="testB holds no image"):
        write_manifest(root)
    with pytest.raises(UserError, match="does not exist"):
        read_manifest_hash(root)


def test_check_says_what_is_there(root: Path) -> None:
    save(root / "trainA" / "large.png", (40, 30))
    lines = table(summarise(root)).splitlines()
    assert lines[2].split() == ["trainA", "4", "20", "x", "12", "40", "x", "30"]


def save_labels(root: Path, name: str) -> Path:
    """A label map for each of the set's three images, larger than they are and of another aspect."""
    for number in range(3):
        save(root / name / f"{number}.png", (64, 24), mode="L", level=3)
    return root / name


def test_label_maps_may_be_larger_than_their_photos(root: Path) -> None:
    save_labels(root, "testA_labels")
    assert [(s.name, s.count, s.largest) for s in summarise(root)][4:] == [("testA_labels", 3, (64, 24))]


@pytest.mark.parametrize(("level", "mode"), [(19, "L"), (254, "L"), (3, "RGB"), (3, "I;16")])
def test_check_finds_label_maps_that_hold_no_train_ids(root: Path, level: int, mode: str) -> None:
    labels = save_labels(root, "testA_labels")
    Image.new(mode, (4, 4), (level, 0, 0) if mode == "RGB" else level).save(labels / "1.png")
    with pytest.raises(UserError, match=r"1\.png (holds \d+, which is no trainId|has mode .*8-bit greyscale)"):
        summarise(root)


def test_what_is_ignored_may_stand_in_a_label_map(root: Path) -> None:
    save(save_labels(root, "testA_labels") / "1.png", mode="L", level=255)
    assert len(summarise(root)) == 5


@pytest.mark.parametrize(
    ("labels", "images"), [("trainA_labels", "trainA"), ("testA_labels", "testA"), ("testA_labels", "testB")]
)
def test_check_finds_images_and_label_maps_without_namesakes(root: Path, labels: str, images: str) -> None:
    save_labels(root, labels)
    (root / images / "1.png").rename(root / images / "1_A.png")
    with pytest.raises(UserError, match=rf"{labels}/1\.png has no namesake in .*{images}: .* alike in .*{images}"):
        summarise(root)
    (root / labels / "1.png").unlink()
    if labels == "trainA_labels":
        with pytest.raises(UserError, match=rf"{images}/1_A\.png has no namesake in .*{labels}: "):
            summarise(root)


def test_train_b_needs_no_namesakes(root: Path) -> None:
    save_labels(root, "trainA_labels")
    (root / "trainB" / "1.png").rename(root / "trainB" / "other.png")
    assert len(summarise(root)) == 5


def test_counts_that_differ_are_all_said(root: Path) -> None:
    check_counts(root, {})
    check_counts(root, {"trainA": 3, "testB": 3})
    with pytest.raises(UserError, match=r"3 in trainA \(expected 4\), 3 in testB \(expected 2\): get the release"):
        check_counts(root, {"trainA": 4, "trainB": 3, "testB": 2})
    with pytest.raises(UserError, match="testA_labels does not exist"):
        check_counts(root, {"testA_labels": 3})


def test_unchanged_images_keep_their_hash(root: Path) -> None:
    write_manifest(root)
    before = training_hash(root)
    for path in root.glob("*/*.png"):
        os.utime(path)
    verify_manifest(root)
    assert training_hash(root) == before


def test_a_set_has_the_hash_that_its_manifest_says(root: Path) -> None:
    write_manifest(root)
    assert read_set_hashes(root) == {name: hash_set(root / name) for name in ("trainA", "trainB", "testA", "testB")}
    (root / "testB" / "1.png").write_bytes(b"other")
    assert read_set_hashes(root)["testB"] != hash_set(root / "testB")


@pytest.mark.parametrize("name", ["0.png", "1.png", "3.png"])
def test_changed_images_are_named_where_a_training_would_start(root: Path, name: str) -> None:
    """0.png is gone, 1.png another image of the same number of bytes, 3.png new."""
    write_manifest(root)
    path, size = root / "testB" / name, (root / "testB" / "1.png").stat().st_size
    if name == "0.png":
        path.unlink()
    else:
        save(path, level=41)
    assert (root / "testB" / "1.png").stat().st_size == size
    with pytest.raises(UserError, match=rf"testB/{name} changed since .*manifest\.json was written: put back"):
        training_hash(root)


def test_older_image_of_another_size_is_noticed(root: Path) -> None:
    write_manifest(root)
    os.utime(save(root / "trainA" / "2.png", (210, 130)), (0, 0))
    with pytest.raises(UserError, match=r"trainA/2\.png changed since"):
        training_hash(root)


def test_contents_are_read_only_where_something_is_newer(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(manifest, "sha256", lambda path: read.append(path.name) or sha256(path))
    for path in root.glob("*/*.png"):
        os.utime(path, (0, 0))
    write_manifest(root)
    read.clear()
    os.utime(root / "trainA" / "2.png")
    verify_manifest(root)
    assert read == ["2.png"]


def test_a_file_that_only_has_the_manifests_name_is_said(root: Path) -> None:
    (root / "manifest.json").write_text('{"name": "an app"}')
    with pytest.raises(UserError, match="no manifest of a data folder"):
        training_hash(root)
