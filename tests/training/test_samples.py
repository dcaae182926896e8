from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from enco.config.run import DataConfig
from enco.data.images import test_image as load_test_image
from enco.data.images import to_tensor, to_uint8
from enco.training.samples import Samples, evaluating, grid
from tests.support.tiny_methods import SIZE, tiny_method
from tests.support.tiny_runs import write_images


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images") / "noise")


def tile(picture: Path, row: int, column: int) -> np.ndarray:
    pixels = np.asarray(Image.open(picture))
    return pixels[row * SIZE : (row + 1) * SIZE, column * SIZE : (column + 1) * SIZE]


def assert_close(pixels: np.ndarray, image: torch.Tensor) -> None:
    """A translation may differ in its last bit with the number of images that are translated together."""
    assert np.abs(pixels.astype(int) - to_uint8(image)).max() <= 1


@pytest.mark.parametrize(("name", "rows"), [("cut", 2), ("cyclegan", 4)])
def test_inputs_stand_above_their_translations(name: str, rows: int, data: Path, tmp_path: Path) -> None:
    method = tiny_method(name)
    Samples(DataConfig(root=data, direction="BtoA"), method.options, tmp_path).draw(method, 20)
    picture = tmp_path / "iter0000020.png"
    assert Image.open(picture).size == (SIZE * (3 if rows == 2 else 4), SIZE * rows)
    source = load_test_image(data / "testB" / "1.png", SIZE, "bicubic")
    assert np.array_equal(tile(picture, 0, 1), to_uint8(source))
    assert_close(tile(picture, 1, 1), method.translate(source[None])[0])
    if rows == 4:
        target = load_test_image(data / "testA" / "3.png", SIZE, "bicubic")
        assert_close(tile(picture, 3, 3), method.translate(target[None], "backward")[0])


@pytest.mark.parametrize("name", ["cut", "munit"])
def test_inputs_are_resized_by_the_methods_filter(name: str, tmp_path: Path) -> None:
    method = tiny_method(name)
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 256, (75, 75, 3), dtype=np.uint8))
    (tmp_path / "testA").mkdir()
    photo.save(tmp_path / "testA" / "1.png")
    Samples(DataConfig(root=tmp_path), method.options, tmp_path).draw(method, 1)
    resampling = {"cut": Image.Resampling.BICUBIC, "munit": Image.Resampling.BILINEAR}[name]
    wanted = to_uint8(to_tensor(photo.resize((SIZE, SIZE), resampling)))
    assert np.array_equal(tile(tmp_path / "iter0000001.png", 0, 0), wanted)


def test_without_test_images_nothing_is_drawn(tmp_path: Path) -> None:
    method = tiny_method("cut")
    Samples(DataConfig(root=tmp_path), method.options, tmp_path / "samples").draw(method, 1)
    assert not (tmp_path / "samples").exists()


def test_drawing_leaves_no_trace(data: Path, tmp_path: Path) -> None:
    method = tiny_method("cyclegan")
    before = torch.get_rng_state()
    Samples(DataConfig(root=data), method.options, tmp_path).draw(method, 1)
    assert torch.equal(torch.get_rng_state(), before)
    assert method.networks["generator_ab"].training


def test_modes_come_back_module_by_module() -> None:
    network = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Dropout().eval())
    with evaluating([network]):
        assert not any(module.training for module in network.modules())
    assert [module.training for module in network] == [True, False]


def test_short_rows_are_filled_with_white() -> None:
    picture = grid([-torch.ones(2, 3, 8, 8), -torch.ones(1, 3, 8, 8)])
    assert picture.size == (16, 16)
    assert picture.getpixel((4, 12)) == (0, 0, 0)
    assert picture.getpixel((12, 12)) == (255, 255, 255)
