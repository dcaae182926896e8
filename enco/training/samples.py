"""Draw sample grids: the same test images, translated as the training goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from enco.config.run import DataConfig
from enco.data.images import test_image, to_uint8
from enco.data.reading import Reading
from enco.io.files import atomic_path
from enco.methods.base import Method
from enco.options.base import MethodOptions
from enco.runtime.randomness import forked_rng

COLUMNS = 4
SEED = 0


class Samples:
    """Test inputs of a run, chosen once; a set that the data folder lacks has no row."""

    def __init__(self, data: DataConfig, options: MethodOptions, folder: Path) -> None:
        """Read the first test images of each side; UserError for an image that is truncated or unreadable."""
        self.folder = folder
        names = ("testA", "testB") if data.direction == "AtoB" else ("testB", "testA")
        self.source, self.target = (_inputs(data.root / name, options, Reading.of_config(data)) for name in names)

    def draw(self, method: Method, iteration: int) -> None:
        """Write iter<N>.png: sources above their translations and, for two-sided methods, targets above theirs.

        The networks' modes and the random states are left unchanged.
        """
        rows = []
        with forked_rng(method.device, SEED), evaluating(method.networks.values()):
            if self.source is not None:
                rows += [self.source, method.translate(self.source.to(method.device))]
            if self.target is not None and method.two_sided:
                rows += [self.target, method.translate(self.target.to(method.device), "backward")]
        if rows:
            with atomic_path(self.folder / f"iter{iteration:07d}.png") as partial:
                grid(rows).save(partial, format="PNG")


def grid(rows: Sequence[Tensor]) -> Image.Image:
    """Lay rows of N x 3 x H x W images in [-1, 1] out as one picture; shorter rows are filled up with white."""
    width = max(len(row) for row in rows)
    filled = (torch.cat([row.cpu(), row.new_ones(width - len(row), *row.shape[1:]).cpu()]) for row in rows)
    return Image.fromarray(to_uint8(torch.cat([torch.cat(list(row), dim=2) for row in filled], dim=1)))


@contextmanager
def evaluating(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Put networks into evaluation mode within the block; afterwards each module is as before."""
    modes = {module: module.training for network in networks for module in network.modules()}
    for module in modes:
        module.training = False
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _inputs(folder: Path, options: MethodOptions, reading: Reading) -> Tensor | None:
    if not folder.is_dir():
        return None
    side, filter_, levels = options.test_side, options.interpolation, reading.levels
    return torch.stack([test_image(file, side, filter_, levels) for file in reading.check(folder)[:COLUMNS]])
