"""Let a method copy images before its training begins (`copy_steps`), as a short training may not find them by itself.

Upsampling starts as bilinear interpolation (Long et al. 2015, arXiv 1411.4038, section 3.3): transposed convolutions
with random weights draw a grid over every image (Odena et al. 2016, doi 10.23915/distill.00003), which a few hundred
iterations do not remove.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor, nn

from enco.data.batch import Batch
from enco.losses.terms import l1, summed
from enco.methods.base import Method, TranslationDirection
from enco.methods.parts.optim import adam, frozen, minimize
from enco.training.iterations import Steps

RATE = 3e-3
"""Learning rate of the first half of the steps; it falls to 0 in the second half."""
SCALE = 4.0
"""Deviation of upsampling's weights. The norm behind takes it out, and the training's steps move such weights less."""


def learn_to_copy(steps: Steps, count: int, workers: int = 0) -> Iterator[float]:
    """Train a method's networks that translate, for `count` steps, to return images as they are; yields each loss.

    A step has the first image of each domain of a batch. Batches are those of the training's first epoch, repeated.
    """
    if not count:
        return
    method = steps.method
    networks = [method.networks[name] for name in method.translators]
    upsampling = [interpolate(layer) for network in networks for layer in network.modules() if is_upsampling(layer)]
    optimizer = adam(*networks, lr=RATE)
    with frozen(*upsampling):
        for step, batch in enumerate(islice(_repeated(steps, workers), count)):
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1.0, 2 * (1 - step / count))
            loss = copying_loss(method, batch)
            minimize(loss, optimizer)
            yield float(loss.detach())
    optimizer.zero_grad()
    method.share_copying()


def copying_loss(method: Method, batch: Batch) -> Tensor:
    """Return the mean absolute difference of an image and its translation, summed over the method's directions."""
    # `translate` computes no gradients. What it wraps does.
    translate = inspect.unwrap(type(method).translate)
    images: dict[TranslationDirection, Tensor] = {"forward": batch["source"][:1].to(method.device)}
    if method.two_sided:
        images["backward"] = batch["target"][:1].to(method.device)
    return summed(l1(translate(method, image, direction), image) for direction, image in images.items())


def is_upsampling(layer: nn.Module) -> bool:
    """Say whether a layer is a transposed convolution that doubles sides, as CycleGAN's and DRIT's code have."""
    return isinstance(layer, nn.ConvTranspose2d) and (layer.kernel_size, layer.stride) == ((3, 3), (2, 2))


@torch.no_grad()
def interpolate(layer: nn.Module) -> nn.Module:
    """Set the weights of an upsampling layer, in place: channels mix at random, sides double by interpolation."""
    assert isinstance(layer, nn.ConvTranspose2d)
    line = torch.tensor([0.5, 1.0, 0.5])
    mixing = SCALE * torch.randn(layer.weight.shape[:2])
    layer.weight.copy_(mixing[:, :, None, None] * line.outer(line))
    return layer


def _repeated(steps: Steps, workers: int) -> Iterator[Batch]:
    """Yield the batches of the first epoch, again and again."""
    while True:
        yield from steps.data.loader(0, steps.per_epoch, steps.method.images_per_step, workers)
