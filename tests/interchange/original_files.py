"""Files as the methods' authors published them, small, with random weights."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tests.interchange import originals

NGF, N_BLOCKS = 8, 4
ARCHS: dict[str, tuple[originals.Arch, ...]] = {
    **dict.fromkeys(("cut", "dclgan", "negcut", "fsesim", "qs_attn", "enco"), ("antialiased",)),
    "cyclegan": ("antialiased", "mixed", "strided"),
    "gcgan": ("strided",),
    **dict.fromkeys(("distancegan", "selfdistance"), ("unpadded",)),
}
"""Methods with a ResNet generator, each with the kinds of it."""
RESNETS = [(name, arch) for name, archs in ARCHS.items() for arch in archs]
TWO_FILES = ("cyclegan", "dclgan", "distancegan", "selfdistance")
ENCO = {"pairs": [[3, 23], [7, 19], [12, 14]]}
"""EnCo's default pairs lie in nine blocks."""


def seeded(network: nn.Module, seed: int = 0) -> nn.Module:
    """Draw all parameters of a network so that features keep their scale; fixed filters and statistics stay."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            is_vector = parameter.numel() == len(parameter)
            scale = 0.5 if is_vector else 0.7 * parameter[0].numel() ** -0.5
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def resnet(arch: originals.Arch, seed: int = 0) -> nn.Module:
    return seeded(originals.Resnet(arch, NGF, N_BLOCKS), seed)


def munit() -> dict[str, Any]:
    return {name: seeded(originals.MunitGenerator(NGF, N_BLOCKS), seed) for seed, name in enumerate("ab")}


def drit(concat: bool) -> dict[str, Any]:
    networks = originals.drit_networks(concat, NGF, N_BLOCKS)
    return {name: seeded(network, seed) for seed, (name, network) in enumerate(networks.items())}


def weights(network: nn.Module | dict[str, nn.Module]) -> OrderedDict[str, Any]:
    """Return what the authors' code saves of a network, or of several by name."""
    if isinstance(network, dict):
        return OrderedDict((name, weights(each)) for name, each in network.items())
    return OrderedDict(network.state_dict())


def save(content: object, path: Path, *, legacy: bool = False) -> Path:
    """Write a file with PyTorch, as a zip or as before version 1.6."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


def options_for(name: str) -> dict[str, Any]:
    """Return the options that a small file of a method needs besides those in the file."""
    return ENCO if name == "enco" else {}
