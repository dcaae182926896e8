"""Weight initialisation."""

from __future__ import annotations

from typing import Literal, TypeVar

import torch
from torch import nn

Init = Literal["xavier", "normal", "kaiming"]
Net = TypeVar("Net", bound=nn.Module)
LINEAR, CONVOLUTIONS = (nn.Linear,), (nn.Conv2d, nn.ConvTranspose2d)


def init_weights(net: Net, kind: Init, gain: float = 0.02, *, zero_biases: bool = True, linear: bool = True) -> Net:
    """Draw the weights of all convolutions, and with `linear` of linear layers, from torch's random state; in place.

    `xavier`: Xavier-normal with this gain (CUT, EnCo); `normal`: standard deviation `gain` (CycleGAN); `kaiming`: for
    ReLU, from the fan-in (MUNIT). Biases become zero, or stay as PyTorch before version 1.0 drew them: the codes that
    keep their framework's biases (DistanceGAN, DRIT, GcGAN) are as old.
    """
    for module in net.modules():
        if isinstance(module, CONVOLUTIONS + LINEAR if linear else CONVOLUTIONS):
            _draw(module, kind, gain)
            if zero_biases and module.bias is not None:
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.ConvTranspose2d):
                _as_before_pytorch_1(module)
    return net


def init_affine_norms(net: Net, spread: float = 0.02) -> Net:
    """Draw the scales of instance norms that learn them from N(1, spread), with shifts of 0 (DistanceGAN); in place."""
    for module in net.modules():
        if isinstance(module, nn.InstanceNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1.0, spread)
            nn.init.zeros_(module.bias)
    return net


@torch.no_grad()
def _as_before_pytorch_1(module: nn.ConvTranspose2d) -> None:
    """Scale a bias drawn from U(±1 / sqrt(n)), n the output channels times the kernel's area, to n of the inputs."""
    if module.bias is not None:
        module.bias.mul_((module.out_channels / module.in_channels) ** 0.5)


def _draw(module: nn.Conv2d | nn.ConvTranspose2d | nn.Linear, kind: Init, gain: float) -> None:
    if kind == "xavier":
        nn.init.xavier_normal_(module.weight, gain)
    elif kind == "normal":
        nn.init.normal_(module.weight, 0.0, gain)
    else:
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
