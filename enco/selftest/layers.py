"""The gradient of every layer, for one and for two images, in every memory order of inputs and gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product

import torch
from torch import Tensor, nn
from torch.autograd import gradcheck
from torch.func import functional_call

from enco.losses.sampling import resize_scores
from enco.methods.gcgan import transform
from enco.networks.attention import cells_at, global_attention, local_attention, route, windows_at
from enco.networks.drit import AttributeBlock, PooledBlock, append_code
from enco.networks.features import gather_cells
from enco.networks.generator import ResidualBlock
from enco.networks.heads import ProjectionHead, batchnorm_projector, bottleneck_predictor, l2_normalize
from enco.networks.layers.blur import BlurDown, BlurUp
from enco.networks.layers.norm import InstanceNorm
from enco.networks.layers.padding import ReflectionPad
from enco.networks.multiscale import half_size, padded_conv
from enco.networks.munit import AdaptiveResidualBlock, LayerNorm, adaptive_instance_norm
from enco.options.qs_attn import LocalLayout
from enco.selftest.differences import relative_error

Order = Callable[[Tensor], Tensor]
MAP, CELLS = (3, 6, 4), (5, 3)
"""Feature maps C x H x W, and cells P x C, of each image."""


@dataclass(frozen=True)
class Layer:
    """A module or function of tensors, the first of which is B x `shape`, the others B x each of `others`."""

    name: str
    make: Callable[[], Callable[..., Tensor]]
    shape: tuple[int, ...] = MAP
    others: tuple[tuple[int, ...], ...] = ()


def attend(x: Tensor) -> Tensor:
    """Attend from all cells of a map to the map."""
    return route(global_attention(x), cells_at(x))


def attend_locally(layout: LocalLayout, x: Tensor) -> Tensor:
    """Attend from all cells of a map to their windows."""
    windows = windows_at(x, 3, layout)
    return route(local_attention(x, windows), windows)


LAYERS = (
    Layer("instance norm", lambda: InstanceNorm(3)),
    Layer("affine instance norm", lambda: InstanceNorm(3, affine=True)),
    Layer("adaptive instance norm", lambda: adaptive_instance_norm, others=((6,),)),
    Layer("layer norm of MUNIT", lambda: LayerNorm(3)),
    Layer("group norm of DRIT", lambda: nn.GroupNorm(1, 3)),
    Layer("batch norm of a head", lambda: nn.Sequential(nn.Flatten(0, 1), batchnorm_projector(3, 4)), CELLS),
    Layer("predictor", lambda: nn.Sequential(nn.Flatten(0, 1), bottleneck_predictor(4)), (5, 4)),
    Layer("projection head", lambda: ProjectionHead(3, 4), CELLS),
    Layer("unit length", lambda: l2_normalize, CELLS),
    Layer("reflection padding", lambda: ReflectionPad(1)),
    Layer("wide reflection padding", lambda: ReflectionPad(3)),
    Layer("zero padding", lambda: nn.ZeroPad2d(1)),
    Layer("blurred halving", BlurDown),
    Layer("bilinear doubling", BlurUp),
    Layer("nearest doubling", lambda: nn.Upsample(scale_factor=2)),
    Layer("averaged halving", lambda: half_size),
    Layer("average pooling", lambda: nn.AvgPool2d(2)),
    Layer("global pooling", lambda: nn.AdaptiveAvgPool2d(1)),
    Layer("max pooling", lambda: nn.MaxPool2d(2)),
    Layer("convolution", lambda: nn.Sequential(*padded_conv(3, 4, 3, padding=1))),
    Layer("strided convolution", lambda: nn.Conv2d(3, 4, 4, stride=2, padding=1)),
    Layer("1 x 1 convolution", lambda: nn.Conv2d(3, 4, 1)),
    Layer("transposed convolution", lambda: nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1)),
    Layer("residual block", lambda: ResidualBlock(3)),
    Layer("residual block of MUNIT", lambda: AdaptiveResidualBlock(3), others=((12,),)),
    Layer("residual block of DRIT", lambda: AttributeBlock(3), others=((3,),)),
    Layer("pooled block of DRIT", lambda: PooledBlock(3, 4)),
    Layer("attribute beside features", lambda: append_code, others=((2,),)),
    Layer("sampled cells", lambda: lambda x: gather_cells(x, torch.tensor([5, 0, 7]))),
    Layer("resized scores", lambda: lambda x: resize_scores(x, (5, 7))),
    Layer("turned image", lambda: lambda x: transform(x, "rot")),
    Layer("attention to the map", lambda: attend),
    Layer("attention to windows", lambda: partial(attend_locally, "correct")),
    Layer("attention as released", lambda: partial(attend_locally, "official")),
)
INPUT_ORDERS: dict[str, Order] = {
    "contiguous": lambda x: x,
    "transposed": lambda x: x.mT.contiguous().mT,
    "channels-last": lambda x: x.contiguous(memory_format=torch.channels_last),
}
"""Memory orders of a layer's first input."""
OUTPUT_USES: dict[str, Order] = {
    "contiguous": lambda y: y,
    "transposed": lambda y: y.mT.contiguous(),
    "expanded": lambda y: y.sum(-1),
    "channels-innermost": lambda y: y.movedim(1, -1).contiguous(),
    "flattened": lambda y: y.flatten(2).mT.contiguous(),
    "channels-last": lambda y: y.contiguous(memory_format=torch.channels_last),
}
"""Uses of a layer's output, which decide the memory order of the incoming gradient."""
DIMENSIONS = {"channels-innermost": 3, "flattened": 4, "channels-last": 4}
"""The dimensions that an order needs, where there must be more than two."""
PRECISIONS = {torch.float32: 1e-2, torch.bfloat16: 0.25}
"""Largest relative error of a layer's gradient: rounding changes which ReLUs of a block let theirs through."""


@dataclass(frozen=True)
class Case:
    """A layer with inputs for a number of images, in one memory order of input and gradient."""

    layer: Layer
    batch: int
    order: str
    use: str

    def __str__(self) -> str:
        images = "one image" if self.batch == 1 else f"{self.batch} images"
        return f"{self.order} input, {self.use} gradient, {images}"

    def build(self, device: torch.device, dtype: torch.dtype) -> tuple[Callable[..., Tensor], list[Tensor]]:
        """Return the function and the tensors to differentiate by, of numbers that bfloat16 has too."""
        torch.manual_seed(0)
        layer = self.layer.make()
        inputs = [torch.randn(self.batch, *shape) for shape in (self.layer.shape, *self.layer.others)]
        names, weights = [], []
        if isinstance(layer, nn.Module):
            layer = layer.to(device, dtype)
            names, weights = list(dict(layer.named_parameters())), list(layer.parameters())
        values = [value.detach().bfloat16().to(device, dtype) for value in (*inputs, *weights)]

        def function(*tensors: Tensor) -> Tensor:
            x, *others = tensors[: len(inputs)]
            found = [INPUT_ORDERS[self.order](x), *others]
            if not isinstance(layer, nn.Module):
                return OUTPUT_USES[self.use](layer(*found))
            own = dict(zip(names, tensors[len(inputs) :], strict=True))
            return OUTPUT_USES[self.use](functional_call(layer, own, tuple(found)))

        return function, values


def cases(layer: Layer) -> Iterator[Case]:
    """Yield every case that a layer's input and output have the dimensions for."""
    function, values = Case(layer, 1, "contiguous", "contiguous").build(torch.device("cpu"), torch.float32)
    inputs, outputs = values[0].dim(), function(*values).dim()
    for batch in (1, 2):
        for order, use in product(INPUT_ORDERS, OUTPUT_USES):
            if DIMENSIONS.get(order, 2) <= inputs and DIMENSIONS.get(use, 2) <= outputs:
                yield Case(layer, batch, order, use)


def differs(case: Case, device: torch.device) -> bool:
    """Return whether the float64 gradient differs from finite differences."""
    function, values = case.build(device, torch.float64)
    inputs = [value.requires_grad_() for value in values]
    return not gradcheck(
        function, inputs, raise_exception=False, check_undefined_grad=False, fast_mode=True, nondet_tol=1e-9
    )


def reduced_error(case: Case, dtype: torch.dtype, device: torch.device, exact: torch.device) -> float:
    """Return the relative error of the gradient in a reduced type on a device, against float64 on another."""
    wanted = _gradients(*case.build(exact, torch.float64))
    function, (first, *others) = case.build(device, torch.float32)
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        return relative_error(_gradients(function, [first.to(dtype), *others]), wanted)


def _gradients(function: Callable[..., Tensor], values: list[Tensor]) -> list[Tensor]:
    """Return the gradients of a weighted sum of the outputs, with fixed random weights."""
    inputs = [value.requires_grad_() for value in values]
    output = function(*inputs)
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(1)).bfloat16()
    loss = (output * weights.to(output)).sum()
    return list(torch.autograd.grad(loss, inputs))
