"""Weight initialisation."""

from __future__ import annotations

from typing import Literal, TypeVar

from torch import nn

Init = Literal["xavier", "normal"]
Net = TypeVar("Net", bound=nn.Module)


def init_weights(net: Net, kind: Init, gain: float = 0.02) -> Net:
    """Draw every convolution's and linear layer's weights from torch's global state and zero the biases; in place.

    `xavier`: Xavier-normal with this gain (CUT, EnCo); `normal`: standard deviation `gain` (CycleGAN).
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if kind == "xavier":
                nn.init.xavier_normal_(module.weight, gain)
            else:
                nn.init.normal_(module.weight, 0.0, gain)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return net
