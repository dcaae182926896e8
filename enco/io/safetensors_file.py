"""Files in the safetensors format: tensors by name, with a mapping of texts that describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from enco.errors import Unreadable, encodable
from enco.io.files import atomic_path

LENGTH_BYTES = 8
"""Bytes at the start of a file that say how long its header is (little-endian)."""


def save_safetensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Write tensors and their description, whole; equal content makes equal files.

    Raises UserError where the disk is full.
    """
    from safetensors.torch import save  # only for files: a step needs torch and pydantic alone

    about = {name: encodable(text) for name, text in about.items()}
    held = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with atomic_path(path) as partial:
        # Not save_file, whose error for a full disk is not an OSError.
        partial.write_bytes(_with_sorted_header(save(held, about)))


def load_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors, to the CPU, and their description; Unreadable for a file of another format or a torn one."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    content = path.read_bytes()  # safe_open takes no path that is no UTF-8
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise Unreadable(str(error)) from error
    header, _ = _split(content)
    return tensors, header.get("__metadata__", {})


def _split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Split a file's content into the header and the bytes of the tensors."""
    end = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "little")
    return json.loads(content[LENGTH_BYTES:end]), content[end:]


def _with_sorted_header(content: bytes) -> bytes:
    """Sort the keys of a file's header, which safetensors writes in any order."""
    header, tensors = _split(content)
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % LENGTH_BYTES)
    return len(text).to_bytes(LENGTH_BYTES, "little") + text + tensors
