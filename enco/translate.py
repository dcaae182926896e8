"""Translate images with a generator file: `python -m enco.translate`.

    python -m enco.translate photo.jpg --generator generator.safetensors --out painting.png
    python -m enco.translate photos 'more/*.jpg' --generator generator.safetensors --out paintings --keep-size
    python -m enco.translate - --generator generator.safetensors --out - < photo.jpg > painting.png

From Python it is `enco.translate` (docs/python.md), a function that importing this module leaves as it is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from glob import glob
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from enco.config.bounds import BATCH_SIZE, SIDE
from enco.config.commands import add_backward
from enco.data.folders import SUFFIXES, decode_image, output_names, printable, to_rgb
from enco.data.reading import Reading, add_reading, names_in
from enco.errors import UserError, run_cli
from enco.io.files import atomic_path, check_writable
from enco.notices import say_once
from enco.runtime.devices import add_device, use_device

if TYPE_CHECKING:
    from enco.methods.parts.translator import Translator

# What brings torch is imported once images are named, so that help and words that name none come at once.

STREAM = "-"
JPEG_QUALITY = 95


def main(words: list[str] | None = None) -> None:
    """Translate what the words, by default the command line's, name."""
    args = parser().parse_args(words)
    if args.images == [STREAM]:
        image = to_rgb(decode_image(BytesIO(sys.stdin.buffer.read()), "on stdin"), "on stdin", args.levels)
        _translate_one(image, args)
        return
    names = _named(args.images, Path(args.out), Reading.of(args))
    alone = next(iter(names)) if len(names) == 1 and Path(args.images[0]) in names else None
    if alone and (args.out == STREAM or Path(args.out).suffix):
        _translate_one(alone, args)
    else:
        _translate_many(names, args)


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command; nothing heavy is imported."""
    about, _, examples = (__doc__ or "").partition("\n\n")
    examples = "examples:\n" + examples.partition("\n\n")[0]
    command = argparse.ArgumentParser(
        "python -m enco.translate",
        description=about,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("images", nargs="+", metavar="IMAGE", help="file, folder or glob; - is one image on stdin")
    command.add_argument("--generator", type=Path, required=True, metavar="PATH", help="generator file")
    text = "image to write, - for a PNG on stdout; of several images the folder for their PNGs, which appears whole"
    command.add_argument("--out", required=True, metavar="PATH", help=text)
    add_backward(command)
    sizes = command.add_mutually_exclusive_group()
    sizes.add_argument("--size", type=SIDE, help="side in pixels (default: the generator's own test size)")
    text = "keep each image's size: padded to a multiple of 4 for the generator, and cropped back"
    sizes.add_argument("--keep-size", action="store_true", help=text)
    add_reading(command)
    add_device(command)
    text = "type that convolutions compute in: bfloat16 is faster on many devices, and coarser (default float32)"
    command.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help=text)
    text = "images at a time (default 8; 1 with --keep-size)"
    command.add_argument("--batch-size", type=BATCH_SIZE, help=text)
    return command


def _named(words: list[str], out: Path, reading: Reading) -> dict[Path, str]:
    """Return the images that words name, with their translations' names; UserError for a word that names none."""
    if STREAM in words:
        raise UserError("- is one image on stdin: give it alone, or files, folders and globs.")
    return {file: name for word in words for file, name in _named_by(word, out, reading)}


def _named_by(word: str, out: Path, reading: Reading) -> Iterator[tuple[Path, str]]:
    """Yield the images that a file, folder or glob names, with their translations' names."""
    paths = [word] if Path(word).exists() else sorted(glob(word, recursive=True))  # noqa: PTH207 - absolute patterns
    found = [Path(path) for path in paths]
    files = [path for path in found if not path.is_dir() and (path.suffix.lower() in SUFFIXES or len(found) == 1)]
    folders = [path for path in found if path.is_dir()]
    if not files and not folders:
        raise UserError(f"No image matches {printable(word)}: correct the name or pattern.")
    if left := len(found) - len(files) - len(folders):
        say_once(f"Left out of {printable(word)}: {left} files that are no images by their ending.")
    for file in files:
        yield from output_names([file], file.parent).items()
    for folder in folders:
        yield from names_in(folder, out, reading).items()


def _translate_one(image: Path | Image.Image, args: argparse.Namespace) -> None:
    """Translate one image into a file, or into a PNG on stdout."""
    if args.out != STREAM:
        _check_file(Path(args.out), image)
    from enco.translation import translate_file

    generator, sizing = _load(args), _sizing(args)
    if isinstance(image, Path):
        made = translate_file(generator, image, reading=Reading.of(args), **sizing)
    else:
        made = generator(image, **sizing)
    if args.out == STREAM:
        made.save(sys.stdout.buffer, "PNG")
        return
    with atomic_path(Path(args.out)) as partial:
        made.save(partial, Image.registered_extensions()[Path(args.out).suffix.lower()], quality=JPEG_QUALITY)
    print(f"1 image, of {made.width} x {made.height} pixels, translated into {args.out}")


def _translate_many(names: dict[Path, str], args: argparse.Namespace) -> None:
    """Translate images into PNGs in a folder."""
    _check_folder(args.out)
    from enco.translation import translate_files

    about = {"batch_size": args.batch_size, "reading": Reading.of(args), "progress": True}
    files = translate_files(_load(args), names, Path(args.out), **about, **_sizing(args))
    print(f"{len(files)} {'images' if len(files) > 1 else 'image'} translated into {args.out}")


def _check_file(out: Path, image: Path | Image.Image) -> None:
    """Raise UserError unless a file can be written of a format that its ending tells, and not over the image."""
    if out.suffix.lower() not in SUFFIXES:
        raise UserError(f"--out {out} tells no format of images: give it an ending such as .png.")
    if isinstance(image, Path) and image.resolve() == out.resolve():
        raise UserError(f"--out {out} is the image itself: name another file.")
    check_writable(out)


def _check_folder(out: str) -> None:
    """Raise UserError for a name that is meant for one image."""
    if out == STREAM:
        raise UserError("--out - is for one image: name a folder for the translations of several.")
    if Path(out).suffix.lower() in Image.registered_extensions():
        raise UserError(f"--out {out} has the ending of an image, and only a single file becomes one: name a folder.")


def _load(args: argparse.Namespace) -> Translator:
    from enco.methods.parts.generator_file import load_generator

    return load_generator(args.generator, use_device(args), dtype=args.dtype)


def _sizing(args: argparse.Namespace) -> dict[str, Any]:
    return {"direction": args.direction, "size": args.size, "keep_size": args.keep_size}


if __name__ == "__main__":
    run_cli(main)
