"""The figure of a task shows test images chosen by a rule, each as networks see and make it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from enco.data.reading import DEFAULT_READING
from enco.errors import UserError
from eval.figures.comparison import CAPTION, GAP, MARGIN, comparison, task_figure
from eval.figures.examples import choose_examples
from eval.figures.planned import PlannedFigure
from eval.metrics.features import Features
from eval.records import ExtractorRecord

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


def features(points: dict[str, float], weights: str = "0") -> Features:
    """Features of one number each, by file name."""
    values = np.array([[value] for value in points.values()], dtype=np.float32)
    return Features(values, tuple(points), ("",) * len(points), ExtractorRecord(kind="x"), weights, 0, False)


def test_best_median_and_worst_are_those_of_the_distance_to_the_nearest_real_image() -> None:
    real = features({"near.png": 0.0, "far.png": 100.0})
    translated = features({"a.png": 9.0, "b.png": 99.5, "c.png": 40.0, "d.png": 3.0})
    chosen = [(one.place, one.translation, one.nearest) for one in choose_examples(translated, real)]
    assert chosen == [
        ("best", "b.png", "far.png"),
        ("median", "d.png", "near.png"),
        ("worst", "c.png", "near.png"),
    ]


def test_one_image_is_best_and_worst_and_none_is_refused() -> None:
    real = features({"real.png": 0.0})
    assert {one.translation for one in choose_examples(features({"a.png": 1.0}), real)} == {"a.png"}
    none = Features(np.empty((0, 1), np.float32), (), (), ExtractorRecord(kind="x"), "0", 0, False)
    with pytest.raises(UserError, match="is empty"):
        choose_examples(none, real)
    with pytest.raises(UserError, match="not comparable"):
        choose_examples(features({"a.png": 1.0}, weights="1"), real)


def test_a_task_shows_each_chosen_image_its_translations_and_the_nearest_real_one(tmp_path: Path) -> None:
    for folder, colour in (("source", 10), ("cut", 60), ("enco", 120), ("target", 200)):
        (tmp_path / folder).mkdir()
        for number, name in enumerate("abc"):
            ending = "jpg" if folder == "source" else "png"
            Image.new("RGB", (8, 8), (colour, 30 * number, 0)).save(tmp_path / folder / f"{name}.{ending}", quality=100)
    features({"a.png": 5.0, "b.png": 0.0, "c.png": 1.0}).save(tmp_path / "enco.npz")
    features({"b.png": 0.0}).save(tmp_path / "real.npz")
    planned = PlannedFigure(
        headers=("CUT", "EnCo"),
        translated=(tmp_path / "cut", tmp_path / "enco"),
        sources=tmp_path / "source",
        targets=tmp_path / "target",
        judge="EnCo",
        judge_features=tmp_path / "enco.npz",
        real_features=tmp_path / "real.npz",
        size=128,
        reading=DEFAULT_READING,
    )
    picture = task_figure(planned)
    shown = [[panel(picture, 128, row, column)[64, 64] for column in range(4)] for row in range(3)]
    reds = [[round(int(pixel[0]), -1) for pixel in line] for line in shown]
    greens = [[round(int(pixel[1]), -1) for pixel in line] for line in shown]
    assert reds == [[10, 60, 120, 200]] * 3
    assert greens == [[30, 30, 30, 30], [60, 60, 60, 30], [0, 0, 0, 30]]
