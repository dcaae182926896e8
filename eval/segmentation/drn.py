"""DRN-D-22 for segmentation (Yu, Koltun, Funkhouser 2017, "Dilated Residual Networks")."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

STRIDE = 8
"""The trunk's output is 1/8 of the input; output sizes are multiples of it."""


class Stage(NamedTuple):
    """One of the nine stages of the trunk; a plain stage has convolutions only, the others residual blocks."""

    channels: int
    depth: int
    stride: int = 1
    dilation: int = 1
    residual: bool = False
    kernel: int = 3


STAGES = (
    Stage(16, 1, kernel=7),
    Stage(16, 1),
    Stage(32, 1, stride=2),
    Stage(64, 2, stride=2, residual=True),
    Stage(128, 2, stride=2, residual=True),
    Stage(256, 2, dilation=2, residual=True),
    Stage(512, 2, dilation=4, residual=True),
    Stage(512, 1, dilation=2),
    Stage(512, 1),
)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, both dilated, around a shortcut that is a 1x1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = _convolution(inputs, outputs, 3, stride, dilation)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = _convolution(outputs, outputs, 3, 1, dilation)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(_convolution(inputs, outputs, 1, stride, 1), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        inner = relu(self.bn1(self.conv1(x)))
        return relu(self.bn2(self.conv2(inner)) + self.downsample(x))


class DRN(nn.Module):
    """Images B x 3 x H x W, normalised, to class scores B x `classes` x H' x W', H and W rounded up to multiples of 8.

    Parameters carry the names of the published weight files. `width` scales the channels of every stage; 1 is DRN-D-22.
    """

    def __init__(self, classes: int = 19, width: float = 1.0) -> None:
        super().__init__()
        stages = [stage._replace(channels=max(1, round(stage.channels * width))) for stage in STAGES]
        inputs = [3, *(stage.channels for stage in stages)]
        self.base = nn.Sequential(*(_stage(i, stage) for i, stage in zip(inputs, stages, strict=False)))
        self.seg = nn.Conv2d(inputs[-1], classes, 1)
        self.up = nn.ConvTranspose2d(classes, classes, 2 * STRIDE, STRIDE, STRIDE // 2, groups=classes, bias=False)
        self.reset()

    def reset(self) -> None:
        """Draw fresh weights; the upsampling is bilinear and stays so."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self.up.weight.requires_grad_(False).copy_(bilinear_kernel(2 * STRIDE))

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.up(self.seg(self.base(images)))
        return scores


def bilinear_kernel(side: int) -> Tensor:
    """Return the side x side kernel of a transposed convolution that enlarges bilinearly by side / 2; side is even."""
    centre = (side - 1) / 2
    ramp = 1 - (torch.arange(side) - centre).abs() / math.ceil(side / 2)
    return ramp[:, None] * ramp[None, :]


def _stage(inputs: int, stage: Stage) -> nn.Sequential:
    channels = [inputs] + [stage.channels] * stage.depth
    strides = [stage.stride] + [1] * (stage.depth - 1)
    steps = list(zip(channels[:-1], channels[1:], strides, strict=True))
    if stage.residual:
        return nn.Sequential(*(ResidualBlock(i, o, stride, stage.dilation) for i, o, stride in steps))
    plain = ((_convolution(i, o, stage.kernel, s, stage.dilation), nn.BatchNorm2d(o), nn.ReLU()) for i, o, s in steps)
    return nn.Sequential(*(layer for layers in plain for layer in layers))


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation, bias=False)
