"""Images on disk and as tensors."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from enco.data import images
from enco.data.check import summarise, table
from enco.data.manifest import read_manifest_hash, write_manifest
from enco.errors import UserError


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
    assert level == int((min(max(value, -1.0), 1.0) + 1) / 2 * 255)


def test_to_uint8_takes_batches() -> None:
    assert images.to_uint8(torch.zeros(2, 3, 4, 5)).shape == (2, 4, 5, 3)


def test_test_image_is_a_plain_bicubic_resize(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (12, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    wanted = Image.fromarray(pixels).resize((16, 16), Image.Resampling.BICUBIC)
    torch.testing.assert_close(images.test_image(tmp_path / "x.png", 16), images.to_tensor(wanted))


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


def test_check_finds_label_maps_that_fit_no_photo(root: Path) -> None:
    save(root / "trainA_labels" / "0.png", mode="L", level=3)
    assert len(summarise(root)) == 5
    save(root / "trainA_labels" / "1.png", (4, 4), mode="L", level=3)
    with pytest.raises(UserError, match=r"1\.png is 4 x 4, its photo 20 x 12"):
        summarise(root)
    save(root / "trainA_labels" / "1.png", mode="RGB")
    with pytest.raises(UserError, match="8-bit greyscale"):
        summarise(root)
