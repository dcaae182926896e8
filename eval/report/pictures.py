"""The pictures of the page: small, in WebP, each once however often it is shown."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from enco.data.reading import Reading

QUALITY = 80
"""Of WebP: a translation of 64 pixels then takes about 1 kB."""


class Pictures:
    """The pictures that a page shows, by the digest of their bytes."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}

    @property
    def addresses(self) -> Mapping[str, str]:
        """The data address of every picture."""
        return dict(self._addresses)

    def add(self, image: Image.Image, width: int) -> str:
        """Keep an image, made at most `width` pixels wide, and return its key."""
        if image.width > width:
            image = image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.LANCZOS)
        content = io.BytesIO()
        image.convert("RGB").save(content, "WEBP", quality=QUALITY, method=4)
        return self.add_bytes(content.getvalue(), "image/webp")

    def add_square(self, path: Path, size: int, side: int, reading: Reading) -> str:
        """Keep an image file as networks of `size` pixels see it, made at most `side` pixels wide; return its key."""
        image = reading.load(path)
        seen = image if image.size == (size, size) else image.resize((size, size), Image.Resampling.BICUBIC)
        return self.add(seen, side)

    def add_bytes(self, content: bytes, kind: str) -> str:
        """Keep the bytes of a picture of a media type, and return its key."""
        key = hashlib.sha256(content).hexdigest()[:12]
        self._addresses[key] = f"data:{kind};base64,{base64.b64encode(content).decode()}"
        return key
