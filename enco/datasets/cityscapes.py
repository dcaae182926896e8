"""The image sets of the CUT family made from the two archives of Cityscapes (Cordts et al. 2016).

Photo and colour label map are squashed from 2048 x 1024 to 256 x 256 pixels and stored as JPEG of quality 100 without
chroma subsampling; the official validation set becomes the test set. Maps of trainIds keep the full size, so that
scoring resizes them once. The CUT family numbers the files; here files have the names of their scenes, in the same
order.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
from PIL import Image

from enco.data.folders import to_rgb
from enco.data.labels import train_ids
from enco.datasets.archives import is_hidden
from enco.datasets.output_file import Encode, EncodedImage, OutputFile
from enco.errors import UserError

SIDE = 256
PhotoFilter = Literal["legacy", "bicubic-photo"]
FILTERS = {"legacy": Image.Resampling.NEAREST, "bicubic-photo": Image.Resampling.BICUBIC}
"""Filters that resize the photo; the colour map is always resized to the nearest pixel, or colours would mix.

`legacy` is the default of Pillow before version 7, which the CUT family's instructions ask for (docs/decisions/0011).
"""
SPLITS = {"train": "train", "val": "test"}
PHOTO, COLOUR, LABELS = "_leftImg8bit.png", "_gtFine_color.png", "_gtFine_labelIds.png"
"""Endings of the names of a scene's three files."""


def output_files(names: Sequence[str], photo_filter: PhotoFilter) -> dict[str, OutputFile]:
    """Return the output of each of the archives' files that is used: photos, colour maps and label ids of two splits.

    Raises UserError for a scene of which one of the three files is missing.
    """
    kinds: dict[str, tuple[str, str, Encode]] = {
        PHOTO: ("A", ".jpg", partial(_encode_squashed, filter=FILTERS[photo_filter])),
        COLOUR: ("B", ".jpg", partial(_encode_squashed, filter=Image.Resampling.NEAREST)),
        LABELS: ("A_labels", ".png", _encode_train_ids),
    }
    found = {}
    for name in names:
        path = PurePosixPath(name)
        split = None if is_hidden(path) else SPLITS.get(path.parent.parent.name)
        for ending, (domain, suffix, encode) in kinds.items():
            if split and path.name.endswith(ending):
                scene = path.name.removesuffix(ending)
                found[name] = OutputFile(f"{split}{domain}", f"{scene}{suffix}", encode)
    _check_scenes(found)
    return found


def _check_scenes(found: dict[str, OutputFile]) -> None:
    """Raise UserError unless every scene has all three files."""
    endings = {"A": PHOTO, "B": COLOUR, "A_labels": LABELS}
    present = {(file.set, PurePosixPath(file.name).stem) for file in found.values()}
    for split in SPLITS.values():
        scenes = {scene for key, scene in present if key.removeprefix(split) in endings}
        for scene, (domain, ending) in product(sorted(scenes), endings.items()):
            if (f"{split}{domain}", scene) not in present:
                raise UserError(
                    f"The Cityscapes archives lack {scene}{ending} but have other files of that scene: get both whole."
                )


def _encode_squashed(image: Image.Image, name: str, filter: Image.Resampling) -> EncodedImage:
    small = to_rgb(image, name).resize((SIDE, SIDE), filter)
    content = io.BytesIO()
    small.save(content, format="JPEG", quality=100, subsampling=0)
    return EncodedImage(content.getvalue(), small.size)


def _encode_train_ids(image: Image.Image, name: str) -> EncodedImage:
    if image.mode != "L":
        raise UserError(f"The label map {name} has mode {image.mode}, not 8-bit grey: get the archive again.")
    content = io.BytesIO()
    Image.fromarray(train_ids(np.asarray(image))).save(content, format="PNG")
    return EncodedImage(content.getvalue(), image.size)
