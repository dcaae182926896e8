"""The Inception of FID: torchvision's network with the blocks in which pytorch-fid's published weights differ."""

from __future__ import annotations

from pytorch_fid.inception import FIDInceptionA, FIDInceptionC, FIDInceptionE_1, FIDInceptionE_2
from torch import Tensor, nn
from torchvision.models.inception import Inception3

CLASSES = 1008
"""Outputs of the published network's classifier."""
CLASSIFIER = ("dropout", "fc")


class Rescale(nn.Module):
    """Images in [0, 1] to the [-1, 1] that the network was trained on."""

    def forward(self, images: Tensor) -> Tensor:
        return 2 * images - 1


def fid_inception() -> nn.Module:
    """Build the network that the published weights fit, with freshly initialised layers."""
    network: nn.Module = Inception3(num_classes=CLASSES, aux_logits=False, init_weights=False)
    network.Mixed_5b = FIDInceptionA(192, pool_features=32)
    network.Mixed_5c = FIDInceptionA(256, pool_features=64)
    network.Mixed_5d = FIDInceptionA(288, pool_features=64)
    network.Mixed_6b = FIDInceptionC(768, channels_7x7=128)
    network.Mixed_6c = FIDInceptionC(768, channels_7x7=160)
    network.Mixed_6d = FIDInceptionC(768, channels_7x7=160)
    network.Mixed_6e = FIDInceptionC(768, channels_7x7=192)
    network.Mixed_7b = FIDInceptionE_1(1280)
    network.Mixed_7c = FIDInceptionE_2(2048)
    return network


def feature_layers(network: nn.Module) -> nn.Sequential:
    """Cut the classifier off: B x 3 x H x W images in [0, 1] to B x 2048 x 1 x 1, the average pool's output.

    Torchvision declares the layers in the order in which images pass through them.
    """
    layers = [layer for name, layer in network.named_children() if name not in CLASSIFIER]
    return nn.Sequential(Rescale(), *layers)
