"""The memory that translating needs, and a sentence where a machine has less."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from enco.errors import UserError
from enco.methods.base import Method
from enco.runtime.memory import free_memory

PROBE = 64
"""Side of the image that a method is measured with, in pixels."""
PEAK = 2.0
"""Most memory taken at once, as a multiple of input and output of the largest layer: 1.6 to 2.5 on a CPU by method."""
REFUSALS = ("can't allocate memory", "not enough memory", "out of memory", "could not create a memory")
"""How PyTorch and oneDNN say that memory is short where their error has no type of its own."""


@dataclass(frozen=True)
class MemoryNeed:
    """What a method needs to translate images, of shape (count, height, width)."""

    method: Method

    @cached_property
    def bytes_per_pixel(self) -> float:
        """About how many bytes translating takes for each pixel of an image, in float32.

        Measured on one small image, as all feature maps grow with the image.
        """
        largest = 0

        def measure(layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            nonlocal largest
            largest = max(largest, sum(each.nbytes for each in (*inputs, output) if isinstance(each, Tensor)))

        # A file of one direction gives a two-sided method without the other one's network.
        networks = [network for name, network in self.method.networks.items() if name in self.method.translators]
        layers = [layer for network in networks for layer in network.modules() if not any(layer.children())]
        hooks = [layer.register_forward_hook(measure) for layer in layers]
        try:
            self.method.translate(torch.zeros(1, 3, PROBE, PROBE, device=self.method.device), "forward")
        finally:
            for hook in hooks:
                hook.remove()
        return PEAK * largest / PROBE**2

    def check(self, shape: tuple[int, int, int]) -> None:
        """Raise UserError where images need more memory than is free on a CPU, whose kernel would end the process."""
        count, height, width = shape
        if self.method.device.type != "cpu":
            return  # a GPU refuses by an error
        if count * height * width * self.bytes_per_pixel > (free := free_memory()):
            raise self._shortage(shape, f"{free / 1e9:,.1f} GB are free")

    @contextmanager
    def explained(self, shape: tuple[int, int, int]) -> Iterator[None]:
        """Raise UserError where memory for these images is refused in the block; other errors pass."""
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if isinstance(error, MemoryError) or any(text in str(error).lower() for text in REFUSALS):
                raise self._shortage(shape, f"the {self.method.device.type} has less") from error
            raise

    def _shortage(self, shape: tuple[int, int, int], why: str) -> UserError:
        count, height, width = shape
        gigabytes = count * height * width * self.bytes_per_pixel / 1e9
        images = f"{count} images" if count > 1 else "an image"
        fewer = ", or fewer at a time (--batch-size 1)" if count > 1 else ""
        return UserError(
            f"Translating {images} of {width} x {height} pixels needs about {gigabytes:,.1f} GB of memory, and {why}:"
            f" translate smaller ones (--size){fewer}."
        )
