"""Translators take images in every form, at every size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import enco
from enco.data.images import to_tensor, to_uint8
from enco.errors import UserError
from enco.methods import available, get
from enco.methods.base import TranslationDirection
from enco.methods.parts.generator_file import load_generator, save_generator
from enco.methods.parts.translator import Dtype, Translator
from enco.translation import translate_folder
from tests.support.tiny_methods import SIZE, images, tiny_method

SIZES = ((9, 13), (32, 33), (30, 48), (47, 8))
"""Widths and heights, most of which no generator keeps by itself."""


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def loaded(folder: Path, name: str = "cyclegan", dtype: Dtype = "float32") -> Translator:
    save_generator(tiny_method(name), folder / "g.safetensors")
    return load_generator(folder / "g.safetensors", dtype=dtype)


def ways(name: str) -> tuple[TranslationDirection, ...]:
    return ("forward", "backward") if get(name).info.two_sided else ("forward",)


@pytest.mark.parametrize("name", sorted(available()))
def test_every_method_keeps_any_size(name: str, tmp_path: Path) -> None:
    translator = loaded(tmp_path, name)
    for way in ways(name):
        for size in SIZES:
            made = translator(noise(*size), way, keep_size=True)
            assert made.size == size
            assert np.asarray(made).std() > 0


@pytest.mark.parametrize("name", ["cyclegan", "munit"])
def test_a_size_that_fits_is_not_padded(name: str, tmp_path: Path) -> None:
    translator, image = loaded(tmp_path, name), noise(40, 24)
    wanted = to_uint8(translator(to_tensor(image)[None]))[0]
    assert np.array_equal(np.asarray(translator(image, keep_size=True)), wanted)


def test_padding_is_by_reflection_and_cut_off_again(tmp_path: Path) -> None:
    translator, image = loaded(tmp_path), noise(30, 21)
    mirrored = np.pad(np.asarray(image), ((0, 3), (0, 2), (0, 0)), mode="reflect")
    wanted = np.asarray(translator(Image.fromarray(mirrored), keep_size=True))[:21, :30]
    assert np.array_equal(np.asarray(translator(image, keep_size=True)), wanted)


def test_an_image_becomes_the_test_size_or_the_size_asked_for(tmp_path: Path) -> None:
    translator = loaded(tmp_path)
    assert translator(noise(50, 70)).size == (SIZE, SIZE)
    assert translator(noise(50, 70), size=48).size == (48, 48)
    assert np.array_equal(np.asarray(translator(noise(50, 70))), np.asarray(enco.translate(translator, noise(50, 70))))


def test_arrays_become_arrays(tmp_path: Path) -> None:
    translator = loaded(tmp_path)
    stack = np.stack([np.asarray(noise(30, 21, seed)) for seed in range(3)])
    made = translator(stack, keep_size=True)
    assert made.shape == stack.shape and made.dtype == np.uint8
    for before, after in zip(stack, made, strict=True):
        alone = np.asarray(translator(Image.fromarray(before), keep_size=True))
        assert np.array_equal(translator(before, keep_size=True), alone)
        assert np.abs(after.astype(int) - alone).max() <= 1  # batches round otherwise
    assert translator(stack, "backward", size=40).shape == (3, 40, 40, 3)
    assert np.array_equal(enco.translate(translator, stack), translator(stack))


def test_tensors_keep_range_and_size(tmp_path: Path) -> None:
    translator, batch = loaded(tmp_path), images(0, batch_size=2)["source"]
    assert torch.equal(translator(batch, "backward"), translator.method.translate(batch, "backward"))
    with pytest.raises(UserError, match="translates images of 30 x 32 pixels into 32 x 32"):
        translator(batch[..., :30])
    with pytest.raises(UserError, match="resize the tensor instead"):
        translator(batch, keep_size=True)  # type: ignore[call-overload]


def test_what_has_no_form_of_images_is_refused(tmp_path: Path) -> None:
    translator = loaded(tmp_path)
    for given in (np.zeros((8, 8)), np.zeros((0, 8, 8, 3), np.uint8), np.zeros((3, 8, 8), np.uint8), "photo.png", None):
        with pytest.raises(UserError, match=f"A {type(given).__name__} cannot be translated: give a tensor"):
            translator(given)  # type: ignore[call-overload]
    with pytest.raises(UserError, match="An image of 7 x 40 pixels is too small to keep its size"):
        translator(noise(7, 40), keep_size=True)
    with pytest.raises(UserError, match="give one of them"):
        translator(noise(40, 40), keep_size=True, size=32)


def test_a_folder_of_images_of_many_sizes_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    sizes = [(32, 32), (32, 32), (30, 21), (32, 32), (45, 50)]
    for index, size in enumerate(sizes):
        noise(*size, index).save(tmp_path / "photos" / f"{index}.png")
    translator = loaded(tmp_path)
    for batch_size in (None, 2, 8):
        out = tmp_path / f"out{batch_size}"
        made = translate_folder(translator, tmp_path / "photos", out, keep_size=True, batch_size=batch_size)
        assert [Image.open(path).size for path in made] == sizes
        for index, path in enumerate(made):
            alone = np.asarray(translator(noise(*sizes[index], index), keep_size=True)).astype(int)
            assert np.abs(np.asarray(Image.open(path)) - alone).max() <= 1


@pytest.mark.parametrize("name", sorted(available()))
def test_bfloat16_translates_nearly_as_float32_does(name: str, tmp_path: Path) -> None:
    """Styles are drawn by content, so they are those of float32; 8 bits of precision lose a few of 255 levels."""
    exact, coarse = (loaded(tmp_path, name, dtype) for dtype in ("float32", "bfloat16"))
    batch = images(3, batch_size=2)["source"]
    wanted, made = exact(batch), coarse(batch)
    assert made.dtype == torch.float32
    assert 0 < (made - wanted).abs().mean() < 0.03
