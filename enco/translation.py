"""Translation by a generator file: of an image, of a tensor of images, of a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from enco.data.folders import THREADS, decode_ahead, load_rgb, name_in, stem_in, to_rgb
from enco.data.images import FILTERS, resize, test_image, to_tensor, to_uint8
from enco.data.reading import DEFAULT_READING, Reading
from enco.errors import UserError
from enco.io.files import StrPath, atomic_folder
from enco.methods.base import TranslationDirection
from enco.methods.parts.generator_file import Translator, load_generator


@overload
def translate(generator: Translator, images: Tensor, *, direction: TranslationDirection = "forward") -> Tensor: ...


@overload
def translate(
    generator: Translator,
    images: StrPath,
    out: StrPath,
    *,
    direction: TranslationDirection = "forward",
    size: int | None = None,
) -> list[Path]: ...


@overload
def translate(
    generator: Translator,
    images: Image.Image | StrPath,
    *,
    direction: TranslationDirection = "forward",
    size: int | None = None,
) -> Image.Image: ...


def translate(
    generator: Translator,
    images: Tensor | Image.Image | StrPath,
    out: StrPath | None = None,
    *,
    direction: TranslationDirection = "forward",
    size: int | None = None,
) -> Tensor | Image.Image | list[Path]:
    """Translate an image, a tensor of images, or a folder of images with a loaded generator.

    A Pillow image, or the path of an image, gives a Pillow image of `size` x `size` pixels (default: the generator's
    test size). A folder gives the PNG files that are written to `out` (`translate_folder`). A B x 3 x H x W tensor of
    floats in [0, 1] gives a tensor of the same shape, range, type and device.
    Raises UserError for a folder without `out`, for `out` or `size` without use, for a tensor out of range, and as the
    generator does.
    """
    if isinstance(images, str | os.PathLike) and not Path(images).is_file() and out is not None:
        return translate_folder(generator, images, out, direction=direction, size=size)
    if out is not None:
        raise UserError("`out` is for the translations of a folder: save what is returned instead.")
    if isinstance(images, Tensor):
        if size is not None:
            raise UserError("`size` is for images and folders: resize the tensor instead.")
        return _translate_tensor(generator, images, direction)
    return _translate_image(generator, _rgb(images), direction, size)


def _rgb(image: Image.Image | StrPath) -> Image.Image:
    """Return an image that is given or named as RGB; UserError for anything else."""
    if isinstance(image, Image.Image):
        try:
            image.load()  # Pillow has read no more than the file's head
        except OSError as error:
            raise UserError(f"The image given cannot be read ({error}): open a whole file.") from error
        return to_rgb(image, "given")
    if not isinstance(image, str | os.PathLike):
        raise UserError(f"A {type(image).__name__} cannot be translated: give a tensor, a Pillow image, or a path.")
    if Path(image).is_dir():
        raise UserError(f"{image} is a folder: give `out`, the folder to write its translations to.")
    return load_rgb(image)


def _translate_tensor(generator: Translator, images: Tensor, direction: TranslationDirection) -> Tensor:
    is_batch = images.ndim == 4 and images.shape[1] == 3 and images.is_floating_point() and len(images) > 0
    if not is_batch or not (images.min() >= 0 and images.max() <= 1):  # NaN is in no range
        raise UserError(
            "A tensor to translate is B x 3 x H x W of floats in [0, 1]: convert it, or call the generator."
        )
    translated = generator(images.to(generator.method.device, torch.float32) * 2 - 1, direction)
    return (translated.clamp(-1, 1) + 1).div(2).to(images)


def _translate_image(
    generator: Translator, image: Image.Image, direction: TranslationDirection, size: int | None
) -> Image.Image:
    options = generator.method.options
    resized = resize(image, size or options.test_side, FILTERS[options.interpolation])
    return Image.fromarray(_translate_batch(generator, to_tensor(resized)[None], direction)[0])


def translate_folder(
    generator: StrPath | Translator,
    images: StrPath,
    out: StrPath,
    device: str | torch.device = "cpu",
    *,
    direction: TranslationDirection = "forward",
    size: int | None = None,
    batch_size: int = 8,
    reading: Reading = DEFAULT_READING,
) -> list[Path]:
    """Translate every image of a folder into a PNG of the same stem in `out`, which appears whole or not at all.

    `generator` is loaded, or is the path of a generator file to load to `device`. An image is resized to
    `size` x `size` (default: the generator's test size) by the filter that the method trains with, and its translation
    truncated to 8 bits, as the originals do. An image's translation does not depend on others in its batch: norms are
    of single images, and styles are drawn for each by its content. Translations of sub-folders lie in such sub-folders.
    Raises UserError for a file that is no generator, images that cannot be read or would share a name, a one-sided
    method asked to go backward, a size that the generator does not keep, and an `out` that holds other files.
    """
    translator = load_generator(generator, device) if isinstance(generator, str | os.PathLike) else generator
    options = translator.method.options

    def load(file: Path) -> Tensor:
        return test_image(file, size or options.test_side, options.interpolation, reading.levels)

    def convert(batch: Tensor) -> NDArray[np.uint8]:
        return _translate_batch(translator, batch, direction)

    return _convert_folder(Path(images), Path(out), load, convert, batch_size, reading)


def copy_folder(
    images: StrPath, out: StrPath, size: int, *, batch_size: int = 8, reading: Reading = DEFAULT_READING
) -> list[Path]:
    """Write every image of a folder to `out` as `translate_folder` writes its translation, but untranslated.

    An image is resized to `size` x `size` (bicubic) and truncated to 8 bits. Raises UserError as `translate_folder`.
    """

    def load(file: Path) -> Tensor:
        return test_image(file, size, "bicubic", reading.levels)

    return _convert_folder(Path(images), Path(out), load, to_uint8, batch_size, reading)


def _convert_folder(
    images: Path,
    out: Path,
    load: Callable[[Path], Tensor],
    convert: Callable[[Tensor], NDArray[np.uint8]],
    batch_size: int,
    reading: Reading,
) -> list[Path]:
    """Load, convert and save every image of a folder; `convert` takes and returns batches."""
    files = reading.files(images)
    names = _output_names(files, images)
    _check_free(out, set(names.values()), images, reading.recursive)
    converted = (convert(torch.stack(batch)) for batch in decode_ahead(files, load, batch_size))
    with atomic_folder(out) as folder:
        _save_all(converted, [folder / names[file] for file in files])
    return [out / names[file] for file in files]


@torch.inference_mode()
def _translate_batch(translator: Translator, images: Tensor, direction: TranslationDirection) -> NDArray[np.uint8]:
    return to_uint8(translator(images.to(translator.method.device), direction))


def _save_all(batches: Iterable[NDArray[np.uint8]], paths: list[Path]) -> None:
    """Write images in batches, each by threads while the next one is made."""
    for parent in {path.parent for path in paths}:
        parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        saving: Iterator[None] = iter(())
        done = 0
        for batch in batches:
            list(saving)  # waits for the batch before, so that images do not pile up, and raises its errors
            saving = pool.map(_save, batch, paths[done : done + len(batch)])
            done += len(batch)
        list(saving)


def _save(image: NDArray[np.uint8], path: Path) -> None:
    Image.fromarray(image).save(path)


def _output_names(files: list[Path], folder: Path) -> dict[Path, str]:
    names = {file: f"{stem_in(folder, file)}.png" for file in files}
    if len(set(names.values())) < len(files):
        twice = next(name for name in names.values() if list(names.values()).count(name) > 1)
        raise UserError(f"Two images in {folder} would both become {twice}: rename one of them.")
    return names


def _check_free(out: Path, names: set[str], images: Path, recursive: bool) -> None:
    """Raise UserError unless `out` is new, empty, or an earlier translation of the same images."""
    if out.resolve() == images.resolve():
        raise UserError(f"--out {out} is the folder of the images themselves: name another one.")
    if recursive and out.resolve().is_relative_to(images.resolve()):
        raise UserError(f"--out {out} lies in the folder of the images, whose sub-folders are read: name another one.")
    others = {name_in(out, entry) for entry in out.rglob("*") if not entry.is_dir()} - names
    if others:
        raise UserError(f"The folder {out} holds other files, such as {min(others)}: name a new or empty folder.")
