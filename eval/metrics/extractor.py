"""A feature extractor: a frozen network, the side of its images, and how images get to that side."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from eval.extractors import INPUT_SIZE, PREPARATION
from eval.records import ExtractorRecord

Resize = Callable[[Tensor, int], Tensor]


def bilinear(images: Tensor, side: int) -> Tensor:
    """Resize B x 3 x H x W images as pytorch-fid does, without antialiasing."""
    return interpolate(images, size=(side, side), mode="bilinear", align_corners=False)


def bicubic(images: Tensor, side: int) -> Tensor:
    """Resize B x 3 x H x W images in [0, 1] with antialiasing; what overshoots that range is clamped."""
    return interpolate(images, size=(side, side), mode="bicubic", antialias=True).clamp(0, 1)


class ImageNetLevels(nn.Module):
    """Images in [0, 1], B x 3 x H x W, to levels of which ImageNet's have mean 0 and deviation 1 in each channel."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1))
        self.register_buffer("std", torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std


@dataclass(frozen=True)
class Extractor:
    """A frozen network on a device: B x 3 x S x S images in [0, 1], S = `input_size`, to B x D features.

    D is 2048 for Inception, 1280 for EfficientNet-Lite0 and 768 for DINOv2.
    """

    kind: str
    weights_hash: str
    network: nn.Module
    device: torch.device
    input_size: int = INPUT_SIZE["inception"]
    seed: int | None = None
    """Seed of weights that were drawn."""
    resize: Resize = bilinear
    """Brings images of any size to `input_size`."""

    @property
    def record(self) -> ExtractorRecord:
        """What files say of the extractor."""
        version = PREPARATION.get(self.kind, 1)
        return ExtractorRecord(kind=self.kind, seed=self.seed, input_size=self.input_size, preparation=version)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        images = images.to(self.device, memory_format=torch.channels_last)
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
            return self.network(images).flatten(1)


def frozen(network: nn.Module, device: torch.device) -> nn.Module:
    """Return the network on a device, for inference only."""
    network = network.eval().requires_grad_(False)
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def hash_of(network: nn.Module) -> str:
    """Return the SHA-256 of a network's values, for weights that no file holds."""
    digest = hashlib.sha256()
    for value in network.state_dict().values():
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()
