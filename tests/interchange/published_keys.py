"""Keys and shapes of the authors' generators, from the compact list beside this file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

Shapes = dict[str, tuple[int, ...]]


def published_keys() -> dict[str, Shapes]:
    """Return the shape of every tensor of each published network."""
    networks: dict[str, Shapes] = {}
    found: Shapes = {}
    for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            found = networks.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            module, kind, *sizes = line.split()
            for name in expanded(module):
                found |= {f"{name}.{key}": shape for key, shape in tensors(kind, *map(int, sizes)).items()}
    return networks


def tensors(kind: str, *size: int) -> Shapes:
    """Return the tensors of one module."""
    match kind:
        case "conv" | "linear" | "norm":
            return {"weight": size, "bias": size[:1]}
        case "up":
            return {"weight": size, "bias": size[1:2]}
        case "layer":
            return {"weight": (*size, 1, 1), "bias": (*size, 1, 1)}
        case "gamma":
            return {"gamma": size, "beta": size}
        case "running":
            return {"running_mean": size, "running_var": size}
        case "filt":
            return {"filt": size}
    raise ValueError(kind)


def expanded(pattern: str) -> Iterator[str]:
    """Yield the names that a pattern with {a..b} and {a,b} stands for."""
    parts = re.split(r"\{(.*?)\}", pattern)
    for chosen in itertools.product(*(choices(part) for part in parts[1::2])):
        yield "".join(itertools.chain(*itertools.zip_longest(parts[::2], chosen, fillvalue="")))


def choices(text: str) -> list[str]:
    """Return what stands between braces."""
    first, dots, last = text.partition("..")
    return [str(i) for i in range(int(first), int(last) + 1)] if dots else text.split(",")
