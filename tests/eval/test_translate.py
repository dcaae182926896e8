"""Translating folders: no batch and no thread changes an image."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from enco.data.folders import AHEAD, decode_ahead
from enco.data.images import to_tensor, to_uint8
from enco.methods import available, get
from enco.methods.parts.generator_file import save_generator
from enco.translation import translate_folder
from tests.support.tiny_methods import images, tiny_method

CPU = torch.device("cpu")


def paint(folder: Path, count: int, side: int = 32) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(count):
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    return folder


@pytest.mark.parametrize("name", sorted(available()))
def test_no_method_translates_an_image_by_what_shares_its_batch(name: str) -> None:
    method = tiny_method(name)
    batch = images(3, batch_size=3)["source"]
    directions = ("forward", "backward") if get(name).info.two_sided else ("forward",)
    for direction in directions:
        one_by_one = torch.cat([method.translate(image[None], direction) for image in batch])
        torch.testing.assert_close(method.translate(batch, direction), one_by_one, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", sorted(available()))
def test_an_image_is_resized_by_the_filter_of_the_authors_code(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their test code has the filter of their training: torchvision's default, which is bilinear, or bicubic."""
    bilinear = name in {"munit", "distancegan", "selfdistance"}
    photos = paint(tmp_path / "photos", 1, side=75)
    save_generator(tiny_method(name), tmp_path / "g.safetensors")
    monkeypatch.setattr(get(name), "translate", lambda self, images, direction: images)
    (made,) = translate_folder(tmp_path / "g.safetensors", photos, tmp_path / "out", CPU, size=32)
    resampling = Image.Resampling.BILINEAR if bilinear else Image.Resampling.BICUBIC
    resized = to_tensor(Image.open(photos / "0.png").resize((32, 32), resampling))
    assert np.array_equal(np.asarray(Image.open(made)), to_uint8(resized))


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_a_folder_in_batches_of_any_size_holds_the_same_images(tmp_path: Path, batch_size: int) -> None:
    photos = paint(tmp_path / "photos", 7)
    method = tiny_method("cyclegan")
    save_generator(method, tmp_path / "g.safetensors")
    made = translate_folder(tmp_path / "g.safetensors", photos, tmp_path / "out", CPU, size=32, batch_size=batch_size)
    assert [path.name for path in made] == [f"{index}.png" for index in range(7)]
    for path in made:
        source = torch.from_numpy(np.array(Image.open(photos / path.name))).permute(2, 0, 1)[None] / 127.5 - 1
        wanted = (method.translate(source)[0].permute(1, 2, 0).numpy() + 1) * 127.5
        assert np.abs(np.asarray(Image.open(path)) - wanted).max() < 1.01


def test_an_image_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = Image.Image.save

    def failing(image: Image.Image, path: Path) -> None:
        if path.name == "4.png":
            raise OSError("no room")
        save(image, path)

    photos = paint(tmp_path / "photos", 7)
    save_generator(tiny_method("cyclegan"), tmp_path / "g.safetensors")
    monkeypatch.setattr(Image.Image, "save", failing)
    with pytest.raises(OSError, match="no room"):
        translate_folder(tmp_path / "g.safetensors", photos, tmp_path / "out", CPU, size=32, batch_size=2)
    assert not (tmp_path / "out").exists()


def test_the_next_batches_are_decoded_while_one_is_used() -> None:
    decoded: list[int] = []
    lock = threading.Lock()

    def decode(number: int) -> int:
        with lock:
            decoded.append(number)
        return -number

    batches = decode_ahead(range(20), decode, batch_size=3)
    assert next(batches) == [0, -1, -2]
    deadline = time.monotonic() + 120
    while len(decoded) < 3 * (1 + AHEAD) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(decoded) == list(range(3 * (1 + AHEAD)))
    assert [number for batch in batches for number in batch] == [-number for number in range(3, 20)]


def test_what_cannot_be_decoded_is_an_error_in_its_turn() -> None:
    batches = decode_ahead([1, 2, 0, 4], lambda number: 1 // number, batch_size=2)
    assert next(batches) == [1, 0]
    with pytest.raises(ZeroDivisionError):
        next(batches)
