"""The figure of a table shows every image as networks see and make it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from eval.tables.figure import CAPTION, GAP, MARGIN, comparison, spread

SIDES = {"input": 256, "translation": 64, "target": 100}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Noise of several sizes, so that any resizing shows."""
    rng = np.random.default_rng(0)
    paths = {name: tmp_path / f"{name}.png" for name in SIDES}
    for name, path in paths.items():
        Image.fromarray(rng.integers(0, 256, (SIDES[name], SIDES[name], 3), dtype=np.uint8)).save(path)
    return paths


def panel(picture: Image.Image, side: int, row: int, column: int) -> NDArray[np.uint8]:
    left, top = MARGIN + column * (side + GAP), CAPTION + row * (side + GAP)
    return np.asarray(picture.crop((left, top, left + side, top + side)))


@pytest.mark.parametrize(("size", "zoom"), [(64, 2), (256, 1), (100, 2), (30, 5)])
def test_every_panel_holds_its_image_at_the_networks_size_in_whole_pixels(
    files: dict[str, Path], size: int, zoom: int
) -> None:
    picture = comparison(list(files), [("one", list(files.values())), ("two", list(files.values())[::-1])], size)
    for column, path in enumerate(files.values()):
        seen = np.asarray(Image.open(path).resize((size, size), Image.Resampling.BICUBIC))
        enlarged = seen.repeat(zoom, axis=0).repeat(zoom, axis=1)
        assert np.array_equal(panel(picture, zoom * size, 0, column), enlarged)
        assert np.array_equal(panel(picture, zoom * size, 1, len(files) - 1 - column), enlarged)


def test_a_translation_keeps_its_own_pixels(files: dict[str, Path]) -> None:
    picture = comparison(list(files), [("", list(files.values()))], 64)
    assert np.array_equal(panel(picture, 128, 0, 1)[::2, 1::2], np.asarray(Image.open(files["translation"])))


def test_spread_takes_what_there_is() -> None:
    assert spread(2, 10) == [0, 5]
    assert spread(4, 3) == [0, 1, 2]
