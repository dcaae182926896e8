"""Photographs to measure with: noise that compresses as photographs do."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.random import default_rng
from PIL import Image


def photo(side: int, content_bytes: int, seed: int) -> bytes:
    """Make a JPEG of coloured noise with the spectrum of photographs, 1/f, of about `content_bytes`."""
    rng, frequency = default_rng(seed), np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    spectrum = np.fft.fft2(rng.normal(size=(3, side, side))) / np.maximum(frequency, 1 / side)
    levels = np.fft.ifft2(spectrum).real
    levels = 128 + 50 * (levels - levels.mean()) / levels.std()
    image = Image.fromarray(levels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))
    contents = []
    for quality in range(40, 100, 4):
        content = io.BytesIO()
        image.save(content, "JPEG", quality=quality)
        contents.append(content.getvalue())
    return min(contents, key=lambda content: abs(len(content) - content_bytes))


def write_photos(root: Path, side: int, content_bytes: int, count: int) -> None:
    """Write trainA and trainB of `count` files each, a few different photos in turn."""
    photos = [photo(side, content_bytes, seed) for seed in range(5)]
    for name in ("trainA", "trainB"):
        (root / name).mkdir(parents=True)
        for index in range(count):
            (root / name / f"{index}.jpg").write_bytes(photos[index % len(photos)])
