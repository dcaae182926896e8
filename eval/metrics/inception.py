"""The network that turns images into features: pytorch-fid's Inception, with its published or with random weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import interpolate

from enco.data.folders import decode_ahead, load_rgb, name_in
from enco.data.images import resize, to_tensor, to_uint8
from enco.errors import UserError, unknown
from enco.io.files import StrPath, sha256
from enco.io.torch_file import load_tensors
from enco.runtime.devices import as_device
from eval.config import SMALLEST_INPUT, ExtractorName, Preparation
from eval.metrics.features import Features
from eval.metrics.inception_network import feature_layers, fid_inception
from eval.metrics.inception_weights import find_weights
from eval.records import INPUT_SIZE, ExtractorRecord

T = TypeVar("T")

RANDOM_GAIN = 10.0
AS_STORED = Preparation()


@dataclass(frozen=True)
class Extractor:
    """A frozen network on a device: B x 3 x S x S images in [0, 1], S = `input_size`, to B x 2048 pool3 features."""

    kind: str
    weights_hash: str
    network: nn.Module
    device: torch.device
    input_size: int = INPUT_SIZE
    seed: int | None = None
    """Seed of weights that were drawn."""

    @property
    def record(self) -> ExtractorRecord:
        """What files say of the extractor."""
        return ExtractorRecord(kind=self.kind, seed=self.seed, input_size=self.input_size)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        images = images.to(self.device, memory_format=torch.channels_last)
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
            return self.network(images).flatten(1)


def create_extractor(
    name: str = "inception",
    device: str | torch.device = "cpu",
    *,
    seed: int | None = None,
    input_size: int | None = None,
    weights: StrPath | None = None,
) -> Extractor:
    """Build the extractor `name`.

    `inception` is the paper's, always at 299 pixels; `weights` names the published file where torch's cache has none.
    Weights that are nowhere are fetched. `random-inception` is the same architecture with weights drawn from `seed`
    (default 0), at any `input_size` from 75 pixels. Raises UserError for an unknown name, a size that does not fit, an
    argument without use for the extractor, a named device that is not there, and weights that cannot be fetched or are
    not the published.
    """
    place = as_device(device)
    if name == "inception":
        if input_size not in (None, INPUT_SIZE):
            raise UserError(f"The extractor inception works at {INPUT_SIZE} pixels only: leave out --input-size.")
        if seed is not None:
            raise UserError("The extractor inception has published weights, not drawn ones: leave out --seed.")
        return _published(find_weights(weights), place)
    if name == "random-inception":
        if weights is not None:
            raise UserError("The extractor random-inception draws its weights: leave out --weights.")
        return _random(seed or 0, INPUT_SIZE if input_size is None else input_size, place)
    raise unknown("extractor", name, get_args(ExtractorName))


def extract_features(
    files: Sequence[StrPath],
    extractor: Extractor,
    preparation: Preparation = AS_STORED,
    *,
    batch_size: int = 8,
    root: StrPath | None = None,
) -> Features:
    """Extract the features of image files, of any mix of sizes.

    An image is first prepared (`prepare`); then comes the extractor's own resize. Files are read, hashed and prepared
    by threads, ahead of the network. Features name files by their paths from `root`, or else by their names.
    """
    paths = [Path(file) for file in files]
    names = [name_in(Path(root or path.parent), path) for path in paths]

    def load(path: Path) -> tuple[str, Image.Image]:
        return sha256(path), load_rgb(path, preparation.levels)

    return _extract(paths, names, load, extractor, preparation, batch_size)


def extract_array(
    images: NDArray[np.uint8], extractor: Extractor, preparation: Preparation = AS_STORED, *, batch_size: int = 8
) -> Features:
    """Extract the features of N x H x W x 3 images in memory, prepared as files are and named by their numbers."""

    def load(number: int) -> tuple[str, Image.Image]:
        return hashlib.sha256(images[number].tobytes()).hexdigest(), Image.fromarray(images[number])

    numbers = range(len(images))
    return _extract(numbers, map(str, numbers), load, extractor, preparation, batch_size)


def _extract(
    images: Sequence[T],
    names: Iterable[str],
    load: Callable[[T], tuple[str, Image.Image]],
    extractor: Extractor,
    preparation: Preparation,
    batch_size: int,
) -> Features:
    """Extract the features of images that `load` gives with their SHA-256."""

    def prepared(image: T) -> tuple[str, Tensor]:
        digest, loaded = load(image)
        return digest, prepare(loaded, preparation, extractor.input_size)

    hashes: list[str] = []
    values: list[Tensor] = []
    for batch in decode_ahead(images, prepared, batch_size):
        hashes += [digest for digest, _ in batch]
        values.append(extractor(torch.stack([image for _, image in batch])))
    return Features(
        torch.cat(values).cpu().numpy(),
        tuple(names),
        tuple(hashes),
        extractor.record,
        extractor.weights_hash,
        preparation.size,
        preparation.legacy_rounding,
        levels=preparation.levels,
    )


def prepare(image: Image.Image, preparation: Preparation, input_size: int) -> Tensor:
    """Turn an RGB image into 3 x S x S floats in [0, 1], S = `input_size`.

    An image is first resized to size x size (bicubic, 8 bits) unless size is 0; `legacy_rounding` then takes levels to
    [-1, 1] and back with truncation, as the originals' result folders do.
    """
    image = resize(image, preparation.size) if preparation.size else image
    levels = to_uint8(to_tensor(image)) if preparation.legacy_rounding else np.array(image)
    pixels = torch.from_numpy(levels).permute(2, 0, 1).float().div(255)
    return interpolate(pixels[None], size=(input_size, input_size), mode="bilinear", align_corners=False)[0]


def _published(path: Path, device: torch.device) -> Extractor:
    network = fid_inception()
    network.load_state_dict(load_tensors(path))
    return Extractor("inception", sha256(path), _frozen(feature_layers(network), device), device)


def _random(seed: int, input_size: int, device: torch.device) -> Extractor:
    """Draw He-initialised convolutions under BatchNorm's default statistics: activations keep their scale.

    The network is then positively homogeneous, so a gain on its first convolution is a gain on its features; this gain
    brings distances to the order of those of trained features.
    """
    if input_size < SMALLEST_INPUT:
        raise UserError(f"--input-size {input_size} is too small for Inception: give at least {SMALLEST_INPUT}.")
    network = feature_layers(fid_inception())
    generator = torch.Generator().manual_seed(seed)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for convolution in convolutions:
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu", generator=generator)
        convolutions[0].weight.mul_(RANDOM_GAIN)
    return Extractor("random-inception", _hash_of(network), _frozen(network, device), device, input_size, seed)


def _frozen(network: nn.Module, device: torch.device) -> nn.Module:
    network = network.eval().requires_grad_(False)
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _hash_of(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for value in network.state_dict().values():
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()
