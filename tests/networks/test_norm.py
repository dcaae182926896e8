"""The gradient of instance norm, in every memory order of the incoming gradient."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from enco.networks.layers.norm import InstanceNorm, instance_norm

REORDERED: dict[str, Callable[[Tensor], Tensor]] = {
    "as it is": lambda y: y,
    "channels last": lambda y: y.contiguous(memory_format=torch.channels_last),
    "cells": lambda y: y.flatten(2).mT.contiguous(),
    "permuted": lambda y: y.permute(0, 2, 3, 1).contiguous(),
    "transposed": lambda y: y.mT.contiguous(),
}
"""Uses of the norm's output, which decide the memory order of the incoming gradient."""


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("order", REORDERED)
def test_gradients_are_right_in_every_order(order: str, batch: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(batch, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    scale, shift = (torch.rand(3, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def normed(*inputs: Tensor) -> Tensor:
        return REORDERED[order](instance_norm(*inputs))

    assert gradcheck(normed, (x,)) and gradcheck(normed, (x, scale, shift)) and gradgradcheck(normed, (x,))


def defined(x: Tensor) -> Tensor:
    return (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), keepdim=True, correction=0) + 1e-5).sqrt()


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_bfloat16_gradient_is_that_of_the_definition_to_rounding(compiled: bool, batch: int) -> None:
    torch.manual_seed(0)
    norm: Callable[[Tensor], Tensor] = InstanceNorm(3)
    if compiled:
        norm = torch.compile(norm, backend="aot_eager", fullgraph=True)
    images, weights = torch.randn(batch, 3, 16, 16), torch.randn(batch, 16, 16, 3)

    def gradient(function: Callable[[Tensor], Tensor], dtype: torch.dtype) -> Tensor:
        x = images.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            y = function(x.to(dtype)).permute(0, 2, 3, 1).contiguous()
        (y * weights).sum().backward()
        assert x.grad is not None
        return x.grad

    exact = gradient(defined, torch.float32)
    assert (gradient(norm, torch.bfloat16) - exact).norm() < 0.01 * exact.norm()
    torch._dynamo.reset()
