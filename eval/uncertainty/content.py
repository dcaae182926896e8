"""How much of an image's content its translation keeps, image by image.

Features are compared as in LS4GAN's and uvcgan2's faithfulness, pixels by PSNR and SSIM.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from numpy.typing import NDArray

from enco.data.folders import decode_ahead
from enco.data.images import test_image
from enco.data.reading import Reading
from enco.errors import UserError
from eval.metrics.features import Features, check_comparable

PerImage = NDArray[np.float64]


def feature_content(sources: Features, translations: Features) -> dict[str, PerImage]:
    """Compare the features of each image and its translation: cosine similarity, and Euclidean distance.

    Raises UserError for files of other names, and for features that are not comparable.
    """
    check_comparable(sources, translations)
    check_same_names(sources.files, translations.files)
    a, b = (one.features.astype(np.float64) for one in (sources, translations))
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = np.divide((a * b).sum(axis=1), norms, out=np.zeros(len(a)), where=norms > 0)
    return {"content_cosine": cosine, "content_l2": np.linalg.norm(a - b, axis=1)}


def pixel_content(others: Path, translations: Path, size: int, reading: Reading) -> dict[str, PerImage]:
    """Compare each translation with the image of that name in another folder: PSNR in dB, and SSIM, both by piq.

    Images are resized to `size` x `size` as those that are translated. PSNR of equal images is 80 dB, by piq's epsilon.
    Raises UserError for files of other names or unreadable ones.
    """
    from piq import psnr, ssim  # loads torchvision, which takes seconds

    a, b = (reading.files(folder) for folder in (others, translations))
    check_same_names([str(path.relative_to(others)) for path in a], [str(path.relative_to(translations)) for path in b])
    pairs = list(zip(a, b, strict=True))

    def load(pair: tuple[Path, Path]) -> torch.Tensor:
        images = torch.stack([test_image(path, size, "bicubic", reading.levels) for path in pair])
        return (images.clamp(-1, 1) + 1) / 2

    found: dict[str, list[float]] = {"psnr": [], "ssim": []}
    for batch in decode_ahead(pairs, load, 8):
        other, translated = torch.stack(batch).unbind(dim=1)
        found["psnr"] += psnr(translated, other, data_range=1.0, reduction="none").tolist()
        found["ssim"] += ssim(translated, other, data_range=1.0, reduction="none").tolist()
    return {name: np.array(values) for name, values in found.items()}


def check_same_names(a: Sequence[str], b: Sequence[str]) -> None:
    """Raise UserError unless two lists of files have the same stems in the same order."""
    stems_a, stems_b = ([str(PurePosixPath(name).with_suffix("")) for name in names] for names in (a, b))
    if stems_a != stems_b:
        odd = next(iter(sorted(set(stems_a) ^ set(stems_b))), stems_a[0])
        raise UserError(
            f"Content is compared image by image, and '{odd}' is in one set only, or at another place: compare the"
            " translations of a folder with that folder."
        )
