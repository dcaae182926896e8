"""Translate a folder of images with a generator file."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from enco.data.folders import THREADS, decode_ahead, name_in, stem_in
from enco.data.images import test_image, to_uint8
from enco.data.reading import USUAL, Reading
from enco.errors import UserError
from enco.io.files import StrPath, atomic_folder
from enco.methods.base import TranslationDirection
from enco.methods.parts.generator_file import Translator, load_translator


def translate_folder(
    generator: StrPath,
    images: StrPath,
    out: StrPath,
    device: str | torch.device = "cpu",
    *,
    direction: TranslationDirection = "forward",
    size: int | None = None,
    batch_size: int = 8,
    reading: Reading = USUAL,
) -> list[Path]:
    """Translate every image of a folder into a PNG of the same stem in `out`, which appears whole or not at all.

    An image is resized to `size` x `size` (default: the generator's test size) by the filter that its method trains
    with, and its translation truncated to 8 bits, as the originals do. Every method translates an image the same with
    whatever others it shares a batch: norms are of single images, and styles are drawn for each by its content. Threads
    decode ahead of the generator and encode behind it. Where sub-folders are read, translations lie in sub-folders of
    the same names.
    Raises UserError for a file that is no generator, images that cannot be read or would share a name, a one-sided
    method asked to go backward, a size that the generator does not keep, and an `out` that holds other files.
    """
    images, out = Path(images), Path(out)
    translator = load_translator(generator, device)
    files = reading.files(images)
    names = _output_names(files, images)
    _check_free(out, set(names.values()), images, reading.recursive)
    options = translator.method.options
    side = size or options.test_side
    batches = decode_ahead(
        files, lambda file: test_image(file, side, options.interpolation, reading.levels), batch_size
    )
    with atomic_folder(out) as folder, ThreadPoolExecutor(max_workers=THREADS) as pool:
        paths = [folder / names[file] for file in files]
        for parent in {path.parent for path in paths}:
            parent.mkdir(parents=True, exist_ok=True)
        saving: Iterator[None] = iter(())
        for start, batch in zip(range(0, len(files), batch_size), batches, strict=True):
            translated = _translate(translator, torch.stack(batch).to(device), direction)
            list(saving)  # waits for the batch before, so that images do not pile up, and raises its errors
            saving = pool.map(_save, translated, paths[start:])
        list(saving)
    return [out / names[file] for file in files]


@torch.inference_mode()
def _translate(translator: Translator, images: Tensor, direction: TranslationDirection) -> NDArray[np.uint8]:
    return to_uint8(translator(images, direction))


def _save(image: NDArray[np.uint8], path: Path) -> None:
    Image.fromarray(image).save(path)


def _output_names(files: list[Path], folder: Path) -> dict[Path, str]:
    names = {file: f"{stem_in(folder, file)}.png" for file in files}
    if len(set(names.values())) < len(files):
        twice = next(name for name in names.values() if list(names.values()).count(name) > 1)
        raise UserError(f"Two images in {folder} would both become {twice}: rename one of them.")
    return names


def _check_free(out: Path, names: set[str], images: Path, recursive: bool) -> None:
    """Only an earlier translation of the same images may be replaced."""
    if out.resolve() == images.resolve():
        raise UserError(f"--out {out} is the folder of the images themselves: name another one.")
    if recursive and out.resolve().is_relative_to(images.resolve()):
        raise UserError(f"--out {out} lies in the folder of the images, whose sub-folders are read: name another one.")
    others = {name_in(out, entry) for entry in out.rglob("*") if not entry.is_dir()} - names
    if others:
        raise UserError(f"The folder {out} holds other files, such as {min(others)}: name a new or empty folder.")
