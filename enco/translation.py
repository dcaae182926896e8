"""Translation by a generator file: of images in memory, of files, of a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from enco.data.folders import THREADS, decode_ahead, name_in, printable
from enco.data.images import test_image, to_tensor, to_uint8
from enco.data.reading import DEFAULT_READING, Reading, names_in
from enco.errors import UserError
from enco.io.files import StrPath, atomic_folder
from enco.methods.base import TranslationDirection
from enco.methods.parts.generator_file import load_generator
from enco.methods.parts.translator import Translator, check_keeps_size
from enco.notices import say_once

F = TypeVar("F", bound=StrPath)
Load = Callable[[Path], Tensor]
OTHER_WAY = {"AtoB": "BtoA", "BtoA": "AtoB"}


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
    keep_size: bool = False,
) -> list[Path]: ...


@overload
def translate(
    generator: Translator,
    images: Image.Image | StrPath,
    *,
    direction: TranslationDirection = "forward",
    size: int | None = None,
    keep_size: bool = False,
) -> Image.Image: ...


@overload
def translate(
    generator: Translator,
    images: NDArray[np.uint8],
    *,
    direction: TranslationDirection = "forward",
    size: int | None = None,
    keep_size: bool = False,
) -> NDArray[np.uint8]: ...


def translate(
    generator: Translator,
    images: Tensor | Image.Image | NDArray[np.uint8] | StrPath,
    out: StrPath | None = None,
    *,
    direction: TranslationDirection = "forward",
    size: int | None = None,
    keep_size: bool = False,
) -> Tensor | Image.Image | NDArray[np.uint8] | list[Path]:
    """Translate an image, an array or a tensor of images, or a folder of images with a loaded generator.

    A Pillow image, the path of an image, and bytes H x W x 3 or N x H x W x 3 become `size` x `size` pixels (default:
    the generator's test size) or, with `keep_size`, keep their size; of a path a Pillow image is made. A folder gives
    the PNG files that are written to `out` (`translate_folder`). A B x 3 x H x W tensor of floats in [0, 1] gives a
    tensor of the same shape, range, type and device.
    Raises UserError for a folder without `out`, for `out` or `size` without use, for a tensor out of range, and as the
    generator does.
    """
    if isinstance(images, str | os.PathLike) and not Path(images).is_file() and out is not None:
        return translate_folder(generator, images, out, direction=direction, size=size, keep_size=keep_size)
    if out is not None:
        raise UserError("`out` is for the translations of a folder: save what is returned instead.")
    if isinstance(images, Tensor):
        if size is not None or keep_size:
            raise UserError("`size` is for images and folders: resize the tensor instead.")
        return _translate_tensor(generator, images, direction)
    if isinstance(images, str | os.PathLike):
        return translate_file(generator, images, direction=direction, size=size, keep_size=keep_size)
    return generator(images, direction, size=size, keep_size=keep_size)


def _translate_tensor(generator: Translator, images: Tensor, direction: TranslationDirection) -> Tensor:
    is_batch = images.ndim == 4 and images.shape[1] == 3 and images.is_floating_point() and len(images) > 0
    if not is_batch or not (images.min() >= 0 and images.max() <= 1):  # NaN is in no range
        raise UserError(
            "A tensor to translate is B x 3 x H x W of floats in [0, 1]: convert it, or call the generator."
        )
    translated = generator(images.to(generator.method.device, torch.float32) * 2 - 1, direction)
    return (translated.clamp(-1, 1) + 1).div(2).to(images)


def translate_file(
    generator: Translator,
    file: StrPath,
    *,
    direction: TranslationDirection = "forward",
    size: int | None = None,
    keep_size: bool = False,
    reading: Reading = DEFAULT_READING,
) -> Image.Image:
    """Translate an image file as `translate_folder` translates each of a folder; UserError as there."""
    file = Path(file)
    if file.is_dir():
        raise UserError(f"{file} is a folder: give `out`, the folder to write its translations to.")
    load = _loader(generator, size, keep_size, reading)
    _warn_of_side(generator, {file.parent}, direction)
    return Image.fromarray(generator.to_bytes(load(file)[None], direction, keep_size=keep_size)[0])


def translate_folder(
    generator: StrPath | Translator,
    images: StrPath,
    out: StrPath,
    device: str | torch.device = "cpu",
    *,
    direction: TranslationDirection = "forward",
    size: int | None = None,
    keep_size: bool = False,
    batch_size: int | None = None,
    reading: Reading = DEFAULT_READING,
) -> list[Path]:
    """Translate every image of a folder into a PNG of the same stem in `out`, which appears whole or not at all.

    `generator` is loaded, or is the path of a generator file to load to `device`. Else as `translate_files`.
    Translations of sub-folders lie in such sub-folders. Raises UserError for a file that is no generator, too.
    """
    translator = load_generator(generator, device) if isinstance(generator, str | os.PathLike) else generator
    return translate_files(
        translator,
        names_in(Path(images), Path(out), reading),
        out,
        direction=direction,
        size=size,
        keep_size=keep_size,
        batch_size=batch_size,
        reading=reading,
    )


def translate_files(
    generator: Translator,
    names: Mapping[F, str],
    out: StrPath,
    *,
    direction: TranslationDirection = "forward",
    size: int | None = None,
    keep_size: bool = False,
    batch_size: int | None = None,
    reading: Reading = DEFAULT_READING,
    progress: bool = False,
) -> list[Path]:
    """Translate image files into files of these names in `out`, a folder that appears whole or not at all.

    An image is resized to `size` x `size` (default: the generator's test size) by the filter that the method trains
    with or, with `keep_size`, keeps its size; its translation is truncated to 8 bits, as the originals do. An image's
    translation does not depend on others in its batch: norms are of single images, and styles are drawn for each by
    its content. `batch_size` is 8 by default, and 1 for images that keep their size. `progress` shows a bar on a
    terminal.
    Raises UserError for images that cannot be read or would share a name, a one-sided method asked to go backward, a
    size that the generator does not keep or the memory does not hold, and an `out` that holds other files.
    """
    load, files = _loader(generator, size, keep_size, reading), {Path(file): name for file, name in names.items()}
    _warn_of_side(generator, {file.parent for file in files}, direction)

    def convert(batch: Tensor) -> NDArray[np.uint8]:
        return generator.to_bytes(batch, direction, keep_size=keep_size)

    return _convert(files, Path(out), load, convert, batch_size or (1 if keep_size else 8), progress)


def copy_folder(
    images: StrPath, out: StrPath, size: int, *, batch_size: int = 8, reading: Reading = DEFAULT_READING
) -> list[Path]:
    """Write every image of a folder to `out` as `translate_folder` writes its translation, but untranslated.

    An image is resized to `size` x `size` (bicubic) and truncated to 8 bits. Raises UserError as `translate_folder`.
    """

    def load(file: Path) -> Tensor:
        return test_image(file, size, "bicubic", reading.levels)

    return _convert(names_in(Path(images), Path(out), reading), Path(out), load, to_uint8, batch_size)


def _loader(generator: Translator, size: int | None, keep_size: bool, reading: Reading) -> Load:
    """Return the function that reads an image file as a generator's input, 3 x H x W in [-1, 1]."""
    side, interpolation = generator.side(size, keep_size), generator.method.options.interpolation

    def load(file: Path) -> Tensor:
        if side is None:
            image = reading.load(file)
            check_keeps_size(*image.size, f"The image {printable(str(file))}")
            return to_tensor(image)
        return test_image(file, side, interpolation, reading.levels)

    return load


def _warn_of_side(generator: Translator, folders: Iterable[Path], direction: TranslationDirection) -> None:
    """Print a notice for a folder that is named like the domain which the generator translates to."""
    trained = generator.metadata.get("direction", "")
    if trained not in OTHER_WAY:
        return
    way = trained if direction == "forward" else OTHER_WAY[trained]
    source, target = way[0], way[-1]
    turn = "without --backward" if direction == "backward" else "with --backward"
    cure = (
        f"translate {turn}"
        if generator.method.two_sided and not generator.is_one_way
        else f"give it images of domain {source}"
    )
    for folder in folders:
        if folder.absolute().name in (f"train{target}", f"test{target}"):
            said = f"{printable(str(folder))} is domain {target}'s by its name"
            say_once(f"{said}, and this translates {source} to {target}: {cure}, if that is not meant.")


def _convert(
    names: Mapping[Path, str],
    out: Path,
    load: Load,
    convert: Callable[[Tensor], NDArray[np.uint8]],
    batch_size: int,
    progress: bool = False,
) -> list[Path]:
    """Load, convert and save image files; `convert` takes and returns batches of images of one size."""
    _check_free(out, names)
    decoded = decode_ahead(list(names), load, batch_size)
    batches = (torch.stack(list(alike)) for batch in decoded for _, alike in groupby(batch, lambda image: image.shape))
    with atomic_folder(out) as folder, _bar(len(names), progress) as bar:
        _save_all(map(convert, batches), [folder / name for name in names.values()], bar)
    return [out / name for name in names.values()]


def _bar(total: int, progress: bool) -> tqdm:
    """Make a bar that is shown on a terminal, if anything is to be shown."""
    return tqdm(total=total, unit="image", dynamic_ncols=True, disable=None if progress else True)


def _save_all(batches: Iterable[NDArray[np.uint8]], paths: list[Path], bar: tqdm) -> None:
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
            bar.update(len(batch))
        list(saving)


def _save(image: NDArray[np.uint8], path: Path) -> None:
    Image.fromarray(image).save(path)


def _check_free(out: Path, names: Mapping[Path, str]) -> None:
    """Raise UserError unless `out` is new, empty, or an earlier translation of the same images."""
    made = set(names.values())
    if len(made) < len(names):
        twice = next(name for name in names.values() if list(names.values()).count(name) > 1)
        first, second, *_ = (printable(str(file)) for file, name in names.items() if name == twice)
        raise UserError(f"{first} and {second} would both become {twice}: rename one of them.")
    if out.resolve() in {file.parent.resolve() for file in names}:
        raise UserError(f"--out {out} is the folder of the images themselves: name another one.")
    others = {name_in(out, entry) for entry in out.rglob("*") if not entry.is_dir()} - made
    if others:
        raise UserError(f"The folder {out} holds other files, such as {min(others)}: name a new or empty folder.")
