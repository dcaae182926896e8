"""Sample grids and sheets of translations, as MLflow's image grid has them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from enco.io.files import write_json
from enco.tracking.follower import sync
from enco.tracking.pictures import MARGIN, SMALLEST_TILE, draw
from enco.tracking.store import Store
from tests.support.tracked_runs import pictures


def plain(color: str, side: int = 32) -> Image.Image:
    return Image.new("RGB", (side, side), color)


def translate(folder: Path, name: str, count: int, color: str) -> Path:
    (folder / "translated" / name).mkdir(parents=True)
    for number in range(count):
        plain(color).save(folder / "translated" / name / f"{number}.png")
    return folder / "translated" / name


def logged(store: Store) -> dict[tuple[str, int], Path]:
    """The pictures of a store by key and step."""
    parts = [(path.name.split("+"), path) for path in pictures(store) if path.suffix == ".png"]
    assert len({(key, step) for (key, _, step, *_), _ in parts}) == len(parts), "each picture once"
    return {(key, int(step)): path for (key, _, step, *_), path in parts}


def pixels(picture: Image.Image, row: int, column: int) -> np.ndarray:
    left, top = MARGIN + column * SMALLEST_TILE, row * SMALLEST_TILE
    return np.asarray(picture.convert("RGB").crop((left, top, left + SMALLEST_TILE, top + SMALLEST_TILE)))


def test_rows_are_drawn_with_labels_at_their_left() -> None:
    picture = draw([("input", [plain("red"), plain("blue")]), ("translated", [plain("green")])])
    assert picture.size == (MARGIN + 2 * SMALLEST_TILE, 2 * SMALLEST_TILE)
    assert (pixels(picture, 0, 1) == (0, 0, 255)).all() and (pixels(picture, 1, 0) == (0, 128, 0)).all()
    assert (pixels(picture, 1, 1) == 255).all()
    for row in range(2):
        label = np.asarray(picture.crop((0, row * SMALLEST_TILE, MARGIN, (row + 1) * SMALLEST_TILE)))
        assert (label < 100).any(), "the label is written"


def test_a_sample_grid_is_cut_into_labelled_rows_that_show_what_it_shows(store: Store, runs: Path) -> None:
    assert sync(store, runs) == (1, 1)
    with (
        Image.open(runs / "seed0" / "samples" / "iter0000005.png") as grid,
        Image.open(logged(store)["samples", 5]) as shown,
    ):
        zoom = -(-SMALLEST_TILE // 32)
        assert shown.size == (MARGIN + zoom * grid.width, zoom * grid.height)
        small = shown.crop((MARGIN, 0, *shown.size)).resize(grid.size, Image.Resampling.NEAREST)
        assert np.array_equal(np.asarray(small), np.asarray(grid.convert("RGB")))


def test_translations_are_a_sheet_below_their_inputs(store: Store, runs: Path) -> None:
    folder = translate(runs / "seed0", "noise.final", 5, "red")
    translate(runs / "seed0", "noise.best", 3, "blue")
    translate(runs / "seed0", "back.final", 3, "green")
    write_json(runs / "seed0" / "selected" / "noise.json", {"iteration": 6, "distance": "FID", "candidates": []})
    assert sync(store, runs) == (1, 1)
    found = logged(store)
    sheets = {("translated", 12), ("translated best", 6), ("translated back", 12)}
    assert found.keys() == {("samples", 5), ("samples", 10), ("samples", 12), *sheets}
    with Image.open(found["translated", 12]) as sheet:
        assert sheet.size == (MARGIN + 4 * SMALLEST_TILE, 4 * SMALLEST_TILE), "five pairs, four in a row"
        assert (pixels(sheet, 3, 0) == (255, 0, 0)).all() and pixels(sheet, 2, 0).std() > 10
    with Image.open(found["translated back", 12]) as back:
        assert (pixels(back, 1, 2) == (0, 128, 0)).all()
        with Image.open(found["translated", 12]) as sheet:
            assert not np.array_equal(pixels(back, 0, 0), pixels(sheet, 0, 0)), "inputs of the other domain"
    drawn = pictures(store)
    sync(store, runs)
    assert pictures(store) == drawn
    shutil.rmtree(folder)


def test_translations_without_their_inputs_are_still_shown(store: Store, runs: Path) -> None:
    translate(runs / "seed0", "noise.final", 20, "red")  # more than there are test images
    assert sync(store, runs) == (1, 1)
    with Image.open(logged(store)["translated", 12]) as sheet:
        assert sheet.size == (MARGIN + 4 * SMALLEST_TILE, 2 * SMALLEST_TILE)
