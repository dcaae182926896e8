"""Images of odd kinds: each comes out as it is meant, or is refused in one sentence that names it."""

import io
import os
import struct
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from enco.data.folders import check_images, decode_image, load_labels, load_rgb, load_size, printable, to_rgb
from enco.errors import UserError

RED, BLUE = (200, 30, 40), (20, 60, 220)
UPRIGHT = [[RED, BLUE], [BLUE, BLUE], [BLUE, BLUE]]
"""Rows of pixels of an upright picture: 2 wide, 3 high, red at its top left."""


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


def pixels(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image)


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 12, 3), dtype=np.uint8))
WHOLE = {format: encoded(NOISE, format) for format in ("JPEG", "PNG", "WEBP", "BMP", "TIFF")}


@pytest.mark.parametrize(
    ("mode", "colour", "rgb"),
    [
        ("L", 90, (90, 90, 90)),
        ("1", 1, (255, 255, 255)),
        ("LA", (90, 5), (90, 90, 90)),
        ("RGBA", (10, 20, 30, 0), (10, 20, 30)),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("I;16", 0x5AFF, (0x5A, 0x5A, 0x5A)),
        ("I", 0x5AFF, (0x5A, 0x5A, 0x5A)),
    ],
)
def test_every_mode_becomes_the_rgb_that_it_shows(tmp_path: Path, mode: str, colour: Any, rgb: tuple[int, ...]) -> None:
    Image.new(mode, (5, 4), colour).save(tmp_path / "x.tif")
    image = load_rgb(tmp_path / "x.tif")
    assert (image.mode, image.size) == ("RGB", (5, 4))
    assert (pixels(image) == rgb).all()


@pytest.mark.filterwarnings("error")
def test_a_palette_with_transparency_gives_its_colours_without_a_warning(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array(UPRIGHT, dtype=np.uint8)).quantize(4)
    picture.info["transparency"] = bytes([0, 90, 255, 255])
    picture.save(tmp_path / "x.png")
    assert load_rgb(tmp_path / "x.png").getpixel((0, 0)) == RED


def test_cmyk_jpeg_is_read_as_its_writer_meant_it(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "x.jpg", quality=100)
    assert np.abs(pixels(load_rgb(tmp_path / "x.jpg")).astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_and_16_bit_colour_lose_the_same_byte(tmp_path: Path, suffix: str) -> None:
    """Of 16-bit RGB, Pillow itself keeps the high byte: Image.open has no mode for it."""
    levels = np.arange(0, 2**16, 257 * 5 + 3, dtype=np.uint16)[None]
    Image.fromarray(levels).save(tmp_path / f"grey.{suffix}")
    grey = pixels(load_rgb(tmp_path / f"grey.{suffix}"))
    np.testing.assert_array_equal(grey, np.repeat((levels >> 8)[..., None], 3, axis=2))


def test_big_endian_16_bit_grey_is_the_same_picture() -> None:
    levels = np.arange(0, 60000, 1000, dtype=">u2")[None]
    content = encoded(Image.frombytes("I;16B", (60, 1), levels.tobytes()), "TIFF")
    np.testing.assert_array_equal(pixels(to_rgb(decode_image(io.BytesIO(content), "x"), "x"))[0, :, 0], levels[0] >> 8)


@pytest.mark.parametrize(("mode", "level"), [("F", 0.5), ("I", -1), ("I", 65536)])
def test_levels_of_unknown_range_are_refused(tmp_path: Path, mode: str, level: float) -> None:
    Image.new(mode, (4, 4), level).save(tmp_path / "x.tif")
    with pytest.raises(UserError, match=r"x\.tif cannot become RGB \(its levels .*\): store it as an 8-bit PNG"):
        load_size(tmp_path / "x.tif")


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(np.array(UPRIGHT, dtype=np.uint8)).resize((32, 48), Image.Resampling.NEAREST)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = picture.transpose(undo[orientation]) if orientation > 1 else picture
    upright = to_rgb(decode_image(io.BytesIO(encoded(stored, format, exif=exif, quality=100)), "x"), "x")
    assert upright.size == (32, 48)
    assert np.abs(pixels(upright).astype(int) - pixels(picture)).mean() < 6


def test_an_exif_block_that_cannot_be_read_turns_nothing(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(NOISE, "JPEG", exif=exif)
    broken = content.replace(b"Exif\0\0MM\0*", b"Exif\0\0XX\0*")
    assert broken != content
    (tmp_path / "x.jpg").write_bytes(broken)
    assert load_size(tmp_path / "x.jpg") == NOISE.size


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_an_animation_is_its_first_frame(format: str) -> None:
    frames = [Image.new("RGB", (8, 4), (level, 0, 0)) for level in (10, 90, 170)]
    content = encoded(frames[0], format, save_all=True, append_images=frames[1:], lossless=True)
    assert decode_image(io.BytesIO(content), "x").convert("RGB").getpixel((3, 3)) == (10, 0, 0)


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
@pytest.mark.parametrize("frames", [1, 3])
def test_a_gif_is_read_and_its_frames_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str, frames: int
) -> None:
    first, *others = (Image.new("RGB", (8, 4), (level,) * 3).convert(mode) for level in (10, 90, 170)[:frames])
    first.save(tmp_path / "x.gif", save_all=True, append_images=others)
    assert load_rgb(tmp_path / "x.gif").getpixel((3, 3)) == first.convert("RGB").getpixel((3, 3))
    assert ("x.gif has 3 pages" in capsys.readouterr().err) == (frames == 3)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("1", (20000, 20000)).save(tmp_path / "bomb.png")
    with pytest.raises(UserError, match=r"bomb\.png is too large \(Image size \(400000000 pixels\)"):
        load_rgb(tmp_path / "bomb.png")


def test_an_image_without_pixels_is_refused(tmp_path: Path) -> None:
    header = WHOLE["BMP"][:18] + struct.pack("<ii", 0, 0) + WHOLE["BMP"][26:]
    (tmp_path / "empty.bmp").write_bytes(header)
    with pytest.raises(UserError, match=r"empty\.bmp is truncated or not an image"):
        load_rgb(tmp_path / "empty.bmp")


def decodes(content: bytes) -> bool:
    """Whether content decodes; False for one sentence that names it, and any other outcome is an error."""
    try:
        assert to_rgb(decode_image(io.BytesIO(content), "some.jpg"), "some.jpg").mode == "RGB"
    except UserError as error:
        assert str(error).startswith("The image some.jpg is truncated or not an image (")
        assert str(error).endswith("): put a whole copy in its place, or move it away.") and "\n" not in str(error)
        return False
    return True


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP"])
def test_an_image_cut_anywhere_decodes_whole_or_is_refused(format: str) -> None:
    whole = WHOLE[format]
    assert decodes(whole)
    lengths = [length for length in range(len(whole)) if decodes(whole[:length])]
    assert not lengths or lengths[0] > 0.9 * len(whole)
    wanted = pixels(decode_image(io.BytesIO(whole), "x"))
    for length in lengths:
        np.testing.assert_array_equal(pixels(decode_image(io.BytesIO(whole[:length]), "x")), wanted)


@given(format=st.sampled_from(sorted(WHOLE)), data=st.data())
def test_a_corrupt_image_decodes_or_is_refused(format: str, data: st.DataObject) -> None:
    content = bytearray(WHOLE[format])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        to_rgb(decode_image(io.BytesIO(bytes(content)), "x"), "x")
    except UserError as error:
        assert str(error).startswith("The image x ")


@given(st.binary(max_size=64))
def test_no_bytes_are_refused_with_anything_but_a_sentence(content: bytes) -> None:
    assert not decodes(content)


def test_a_stream_is_read_from_its_start_and_left_open() -> None:
    stream = io.BytesIO(WHOLE["PNG"])
    stream.seek(7)
    np.testing.assert_array_equal(pixels(decode_image(stream, "x")), pixels(NOISE))
    assert not stream.closed


def test_what_is_no_readable_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match=r"folder\.png cannot be read \(Is a directory\): name a file, or move"):
        load_rgb(tmp_path / "folder.png")
    with pytest.raises(UserError, match=r"gone\.png does not exist: correct the name, or mend the link\."):
        load_rgb(tmp_path / "gone.png")


NAMES = [
    b"a photo (1).png",
    "Zürich 北京.png".encode(),
    unicodedata.normalize("NFD", "Zürich.png").encode(),
    b"caf\xe9.png",  # Latin-1, which is no UTF-8
    b"new\nline.png",
]


@pytest.mark.parametrize("raw", NAMES)
def test_odd_file_names_can_be_used_and_printed(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / os.fsdecode(raw)
    NOISE.save(file)
    assert [os.fsencode(path.name) for path in check_images(tmp_path)] == [raw]
    with pytest.raises(UserError, match="has mode RGB") as no_labels:
        load_labels(file)
    file.write_bytes(b"no image")
    with pytest.raises(UserError, match="is truncated") as no_image:
        check_images(tmp_path)
    for error in (no_labels, no_image):
        assert printable(file.name) in str(error.value)
        assert len(str(error.value).splitlines()) == 1
        str(error.value).encode("utf-8")


@given(st.text())
def test_printable_changes_only_what_cannot_be_printed(name: str) -> None:
    shown = printable(name)
    assert len(f"{shown}.".splitlines()) == 1
    shown.encode("utf-8")
    assert (shown == name) == name.isprintable()


@given(st.lists(st.integers(0, 255), min_size=1, max_size=9), st.booleans())
def test_label_maps_hold_train_ids_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, levels: list[int], palette: bool
) -> None:
    image = Image.fromarray(np.array([levels], dtype=np.uint8))
    if palette:
        image.putpalette(bytes(range(256)) * 3)
    path = tmp_path_factory.getbasetemp() / "labels.png"
    image.save(path)
    wrong = [level for level in levels if 18 < level < 255]
    if wrong:
        with pytest.raises(UserError, match=f"holds {min(wrong)}, which is no trainId"):
            load_labels(path)
    else:
        np.testing.assert_array_equal(load_labels(path), [levels])
