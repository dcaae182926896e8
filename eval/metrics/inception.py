"""The extractors of pytorch-fid's architecture: Inception with its published weights, and with random ones."""

from __future__ import annotations

import torch
from torch import nn

from enco.errors import UserError
from enco.io.files import StrPath, sha256
from enco.io.torch_file import load_tensors
from eval.config import SMALLEST_INPUT
from eval.metrics.extractor import Extractor, frozen, hash_of
from eval.metrics.inception_network import feature_layers, fid_inception
from eval.metrics.inception_weights import find_weights

RANDOM_GAIN = 10.0


def published_inception(device: torch.device, weights: StrPath | None = None) -> Extractor:
    """Build Inception with the published weights, of a file or of torch's cache; missing ones are fetched.

    Raises UserError for weights that cannot be fetched or are not the published ones.
    """
    path = find_weights(weights)
    network = fid_inception()
    network.load_state_dict(load_tensors(path))
    return Extractor("inception", sha256(path), frozen(feature_layers(network), device), device)


def random_inception(device: torch.device, seed: int, input_size: int) -> Extractor:
    """Draw He-initialised convolutions under BatchNorm's default statistics: activations keep their scale.

    The network is then positively homogeneous, so a gain on its first convolution is a gain on its features; this gain
    brings distances to the order of those of trained features. Raises UserError for a side below 75 pixels.
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
    return Extractor("random-inception", hash_of(network), frozen(network, device), device, input_size, seed)
