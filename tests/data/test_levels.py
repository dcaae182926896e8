"""16-bit grey that uses fewer bits: said, and kept whole where the bits are named."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enco.config.run import Levels
from enco.data.folders import BITS, load_rgb
from enco.data.images import test_image as load_test_image
from enco.data.reading import Reading
from enco.data.unpaired import UnpairedImages
from enco.datasets.__main__ import main as data
from enco.errors import UserError
from enco.options.base import MethodOptions
from eval.__main__ import main as evaluate
from eval.metrics.features import load_features

RANDOM = ["--extractor", "random-inception", "--input-size", "75", "--threads", "1", "--device", "cpu"]


def ramp(path: Path, bits: int, side: int = 64) -> Path:
    """Every level of so many bits in equal steps, as 16-bit grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.linspace(0, 2**bits - 1, side * side).astype(np.uint16).reshape(side, side)
    Image.fromarray(levels).save(path)
    return path


def grey(path: Path, levels: Levels = "16bit") -> set[int]:
    return set(np.asarray(load_rgb(path, levels))[..., 0].ravel().tolist())


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_twelve_bits_are_said_and_then_kept(tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    files = [ramp(tmp_path / f"{name}.{suffix}", 12) for name in "ab"]
    for file in files:
        assert len(grey(file)) == 16
    assert capsys.readouterr().err == (
        f"{files[0]} is 16-bit grey without a level above 4095, which becomes 16 grey levels, and others there may be"
        " alike: --levels 12bit keeps what they hold.\n"
    )
    assert grey(files[0], "12bit") == set(range(256))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("levels", "bits"), BITS.items())
def test_of_any_number_of_bits_the_highest_eight_are_kept(tmp_path: Path, levels: Levels, bits: int) -> None:
    path = ramp(tmp_path / "x.png", bits)
    found, stored = (np.asarray(image) for image in (load_rgb(path, levels), Image.open(path)))
    np.testing.assert_array_equal(found[..., 0], stored >> (bits - 8))


def test_whole_sixteen_bits_are_not_talked_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert grey(ramp(tmp_path / "x.png", 16)) == set(range(256))
    assert capsys.readouterr().err == ""


def test_a_level_that_needs_more_bits_is_an_error_with_the_bits(tmp_path: Path) -> None:
    path = ramp(tmp_path / "x.png", 14)
    with pytest.raises(UserError, match=r"x\.png cannot .*more than 12 bits, so --levels 14bit may be meant"):
        load_rgb(path, "12bit")


def test_netpbm_says_its_own_highest_level(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    levels = np.arange(4096, dtype=">u2").reshape(64, 64)
    (tmp_path / "x.pgm").write_bytes(b"P5 64 64 4095\n" + levels.tobytes())
    assert grey(tmp_path / "x.pgm") == set(range(256))
    assert capsys.readouterr().err == ""


def test_training_and_test_images_have_the_levels(tmp_path: Path) -> None:
    for name in ("trainA", "trainB"):
        ramp(tmp_path / name / "0.png", 12)
    options = MethodOptions(crop_size=64, load_size=64, flip=False)
    bright = [
        float(UnpairedImages(tmp_path, "AtoB", options, 1, 0, reading=reading).get(0)["source"].mean())
        for reading in (Reading(), Reading(levels="12bit"))
    ]
    bright.append(float(load_test_image(tmp_path / "trainA" / "0.png", 64, "bicubic", "12bit").mean()))
    assert bright[0] < -0.9 and bright[1] == pytest.approx(bright[2]) == pytest.approx(0, abs=0.02)


def test_commands_take_the_levels_and_features_record_them(tmp_path: Path) -> None:
    for name in ("trainA", "trainB", "testA", "testB"):
        ramp(tmp_path / "data" / name / "0.png", 12)
        ramp(tmp_path / "data" / name / "1.png", 11)
    data(["check", str(tmp_path / "data"), "--levels", "12bit"])
    with pytest.raises(UserError, match="more than 10 bits"):
        data(["check", str(tmp_path / "data"), "--levels", "10bit"])
    photos, file = str(tmp_path / "data" / "testA"), tmp_path / "f.npz"
    evaluate(["features", "--images", photos, "--out", str(file), "--levels", "12bit", *RANDOM])
    assert load_features(file).levels == "12bit"
    with pytest.raises(UserError, match="was made with --levels 12bit, not with --levels 16bit"):
        evaluate(["fid", str(file), photos, *RANDOM])
    evaluate(["fid", str(file), photos, "--levels", "12bit", *RANDOM])


def test_colour_that_uses_few_of_16_bits_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pillow writes no such file, so the rows of an 8-bit one are made anew."""
    for name, levels in (("dim", 2**12), ("bright", 2**16)):
        pixels = np.random.default_rng(0).integers(0, levels, (8, 8, 3)).astype(">u2")
        rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
        parts = ((b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b""))
        chunks = (struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in parts)
        (tmp_path / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
        load_rgb(tmp_path / f"{name}.png")
    Image.new("RGB", (16, 16), (3, 3, 3)).save(tmp_path / "dark.bmp")
    load_rgb(tmp_path / "dark.bmp")
    said = f"{tmp_path}/dim.png is 16-bit colour of which 16 levels are left, as the high byte is read, and"
    assert capsys.readouterr().err == f"{said} others there may be alike: store them as 8-bit images.\n"
