"""The frozen features of VGG16 (Simonyan & Zisserman 2015, arXiv 1409.1556, configuration D)."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn

from enco.io.torch_file import load_tensors
from enco.io.weights import published_weights
from enco.networks.layers.init import init_weights
from enco.options.fsesim import VggWeights
from enco.runtime.randomness import forked_rng

URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and convolutions of each stage, which ends with a max-pooling."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Vgg16(nn.Sequential):
    """The convolutional part of VGG16, numbered as torchvision's `features`; `width` scales all channels."""

    mean: Tensor
    std: Tensor

    def __init__(self, width: float = 1.0) -> None:
        layers: list[nn.Module] = []
        inputs = 3
        for channels, depth in STAGES:
            for _ in range(depth):
                outputs = max(1, round(width * channels))
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
                inputs = outputs
            layers.append(nn.MaxPool2d(2))
        super().__init__(*layers)
        for name, values in {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}.items():
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def normalize(self, images: Tensor) -> Tensor:
        """Normalise images B x 3 x H x W in [-1, 1] as in the network's training."""
        return ((images + 1) / 2 - self.mean) / self.std

    def features(self, images: Tensor, layers: Collection[int]) -> list[Tensor]:
        """Return the outputs of the ReLUs `layers`, 0 (relu1_1) to 12 (relu5_3), for B x 3 x H x W images in [-1, 1].

        Outputs are in the network's order; no layer after the last one is computed. A map is H/2^s x W/2^s, rounded
        down, s = 0 to 4.
        """
        found: list[Tensor] = []
        relu = -1
        x = self.normalize(images)
        for module in self:
            x = module(x)
            if isinstance(module, nn.ReLU):
                relu += 1
                if relu in layers:
                    found.append(x)
                if relu == max(layers):
                    break
        return found


def frozen_vgg(weights: VggWeights, width: float, device: torch.device) -> Vgg16:
    """Make a frozen VGG16 with ImageNet weights, or of any width with random weights, which are always the same.

    Prints which weights the network has. Leaves torch's random state unchanged. Raises UserError if the ImageNet
    weights are not at hand and cannot be downloaded.
    """
    with forked_rng(device, seed=0):
        network = imagenet_vgg() if weights == "imagenet" else random_vgg(width)
    return network.to(device).eval().requires_grad_(False)


def imagenet_vgg() -> Vgg16:
    """Make a VGG16 with torchvision's ImageNet weights, from torch's cache or downloaded to the cache (528 MB)."""
    path = published_weights(URL)
    network = Vgg16()
    # The file is of the whole network; the classifier is left out.
    weights = {name: value for name, value in load_tensors(path).items() if name.startswith("features.")}
    network.load_state_dict({name.removeprefix("features."): value for name, value in weights.items()})
    print(f"Features come from VGG16 with ImageNet weights: {path}", flush=True)
    return network


def random_vgg(width: float) -> Vgg16:
    """Make a VGG16 with weights from torch's random state that keep the scale of activations through the depth."""
    print(f"Features come from a VGG16 with random weights, not ImageNet's, of width {width:g}.", flush=True)
    return init_weights(Vgg16(width), "kaiming")
