"""The network that turns images into features: pytorch-fid's Inception, with its published or with random weights."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytorch_fid.inception
import torch
from PIL import Image
from pytorch_fid.inception import InceptionV3
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models.inception import Inception3

from enco.config.run import Levels
from enco.data.folders import decode_ahead, load_rgb, name_in
from enco.data.images import resize, to_tensor, to_uint8
from enco.errors import UserError, unknown
from enco.io.files import StrPath, sha256
from enco.io.weights import load_tensors
from eval.metrics.features import Features
from eval.metrics.inception_weights import find_weights
from eval.records import INPUT_SIZE, ExtractorRecord

EXTRACTORS = ("inception", "random-inception")
SMALLEST_INPUT = 75
RANDOM_GAIN = 10.0


@dataclass(frozen=True)
class Extractor:
    """A frozen network on a device: B x 3 x S x S images in [0, 1], S = `input_size`, to B x 2048 pool3 features."""

    kind: str
    weights_hash: str
    network: nn.Module
    device: torch.device
    input_size: int = INPUT_SIZE
    seed: int | None = None
    """Of weights that were drawn."""

    @property
    def record(self) -> ExtractorRecord:
        """What files say of the extractor."""
        return ExtractorRecord(kind=self.kind, seed=self.seed, input_size=self.input_size)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        images = images.to(self.device, memory_format=torch.channels_last)
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
            return self.network(images)[0].flatten(1)


def create_extractor(
    name: str,
    device: str | torch.device = "cpu",
    *,
    seed: int | None = None,
    input_size: int | None = None,
    weights: StrPath | None = None,
) -> Extractor:
    """Build the extractor `name`.

    `inception` is the paper's, always at 299 pixels; `weights` names its file where it is not in torch's cache.
    Weights that are nowhere are fetched. `random-inception` is the same architecture with weights drawn from `seed`
    (default 0), at any `input_size` from 75 pixels. Raises UserError for an unknown name, a size that does not fit, an
    argument without use for the extractor, and weights that cannot be fetched or are not the published.
    """
    if name == "inception":
        if input_size not in (None, INPUT_SIZE):
            raise UserError(f"The extractor inception works at {INPUT_SIZE} pixels only: leave out --input-size.")
        if seed is not None:
            raise UserError("The extractor inception has published weights, not drawn ones: leave out --seed.")
        return _published(find_weights(weights), torch.device(device))
    if name == "random-inception":
        if weights is not None:
            raise UserError("The extractor random-inception draws its weights: leave out --weights.")
        return _random(seed or 0, INPUT_SIZE if input_size is None else input_size, torch.device(device))
    raise unknown("extractor", name, EXTRACTORS)


def extract_features(
    files: Sequence[StrPath],
    extractor: Extractor,
    *,
    size: int = 0,
    legacy_rounding: bool = False,
    batch_size: int = 8,
    levels: Levels = "16bit",
    root: StrPath | None = None,
) -> Features:
    """Features of image files, of any mix of sizes.

    An image is first resized to size x size (bicubic, 8 bits) unless size is 0; `legacy_rounding` then takes it to
    [-1, 1] and back with truncation, as the originals' result folders do. Then comes the extractor's own resize.
    Files are read, hashed and prepared by threads, ahead of the network. They are called by their paths from `root`, or
    by their names.
    """

    def prepare(path: Path) -> tuple[str, Tensor]:
        return sha256(path), _prepare(load_rgb(path, levels), size, legacy_rounding, extractor.input_size)

    hashes: list[str] = []
    values: list[Tensor] = []
    paths = [Path(file) for file in files]
    for batch in decode_ahead(paths, prepare, batch_size):
        hashes += [digest for digest, _ in batch]
        values.append(extractor(torch.stack([image for _, image in batch])))
    return Features(
        torch.cat(values).cpu().numpy(),
        tuple(name_in(Path(root or path.parent), path) for path in paths),
        tuple(hashes),
        extractor.record,
        extractor.weights_hash,
        size,
        legacy_rounding,
        levels=levels,
    )


def _prepare(image: Image.Image, size: int, legacy_rounding: bool, input_size: int) -> Tensor:
    """An RGB image as 3 x S x S floats in [0, 1], S = input_size."""
    image = resize(image, size) if size else image
    levels = to_uint8(to_tensor(image)) if legacy_rounding else np.array(image)
    pixels = torch.from_numpy(levels).permute(2, 0, 1).float().div(255)
    return interpolate(pixels[None], size=(input_size, input_size), mode="bilinear", align_corners=False)[0]


def _published(path: Path, device: torch.device) -> Extractor:
    return Extractor("inception", sha256(path), _place(_build(load_tensors(path)), device), device)


def _random(seed: int, input_size: int, device: torch.device) -> Extractor:
    """He-initialised convolutions under BatchNorm's default statistics: activations keep their scale through the depth.

    The network is then positively homogeneous, so a gain on its first convolution is a gain on its features; it brings
    distances to the order of those of trained features.
    """
    if input_size < SMALLEST_INPUT:
        raise UserError(f"--input-size {input_size} is too small for Inception: give at least {SMALLEST_INPUT}.")
    network = _build(None)
    generator = torch.Generator().manual_seed(seed)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for convolution in convolutions:
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu", generator=generator)
        convolutions[0].weight.mul_(RANDOM_GAIN)
    return Extractor("random-inception", _hash_of(network), _place(network, device), device, input_size, seed)


def _build(weights: dict[str, Tensor] | None) -> nn.Module:
    """pytorch-fid's network with the given weights, or none loaded; its own download checks no hash and is kept out."""
    with warnings.catch_warnings(), patch.object(pytorch_fid.inception, "load_state_dict_from_url") as load:
        warnings.simplefilter("ignore")
        load.return_value = weights
        if weights is not None:
            return InceptionV3(resize_input=False)
        with patch.object(Inception3, "load_state_dict"):
            return InceptionV3(resize_input=False)


def _place(network: nn.Module, device: torch.device) -> nn.Module:
    return network.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _hash_of(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for value in network.state_dict().values():
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()
