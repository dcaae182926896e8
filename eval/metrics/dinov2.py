"""The extractor DINOv2 ViT-B/14. Stein et al. (arXiv 2306.04675) compare sets of images by the larger ViT-L/14."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from enco.io.files import StrPath, sha256
from enco.io.torch_file import load_tensors
from enco.io.weights import chosen_weights
from eval.extractors import INPUT_SIZE
from eval.metrics.dinov2_network import VisionTransformer
from eval.metrics.extractor import Extractor, ImageNetLevels, bicubic, frozen

URL = "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitb14/dinov2_vitb14_pretrain.pth"
SHA256 = "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73"
"""Of the published file, 346,378,731 bytes."""


def dinov2(device: torch.device, weights: StrPath | None = None) -> Extractor:
    """Build DINOv2 with the published weights, of a file or of torch's cache; missing ones are fetched.

    Features are the 768 numbers of the class token after the last norm. Raises UserError for weights that cannot be
    fetched or are not the published ones.
    """
    path = chosen_weights(URL, Path(weights) if weights else None, SHA256)
    transformer = VisionTransformer()
    transformer.load_state_dict(load_tensors(path))
    network = nn.Sequential(ImageNetLevels(), transformer)
    return Extractor("dinov2", sha256(path), frozen(network, device), device, INPUT_SIZE["dinov2"], resize=bicubic)
