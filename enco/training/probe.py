"""Draw, every few epochs, the positions that EnCo's content loss would look at in one test image (paper, Figure 2).

DAG draws by the discriminator of that very epoch, so the positions cannot be found again after a training. Nothing of
the training is changed: neither the modes of networks nor, on a CPU and a CUDA device, random states.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from enco.config.run import RunConfig
from enco.data.images import test_image
from enco.data.reading import Reading
from enco.errors import Unreadable, UserError, unknown
from enco.io.safetensors_file import load_safetensors, save_safetensors
from enco.losses.sampling import dag_positions, resize_scores
from enco.methods.base import Method
from enco.networks.generator import ResnetGenerator, feature_shapes
from enco.options.enco import EnCoOptions
from enco.runtime.randomness import forked_rng
from enco.training.identity import LENGTH, digest_of, settings_of
from enco.training.samples import evaluating

FOLDER = "probe"
MOST_CELLS = 2**16
"""Cells of the largest feature map whose positions fit 16 bits."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Draw:
    """The positions of one epoch, by pair of feature maps (`3-28`)."""

    epoch: int
    image: str
    """The test image, as a path from its folder."""
    positions: dict[str, NDArray[np.uint16]]
    """Indices into the flattened cells of a map, those that look least real first."""
    least_real: dict[str, int]
    """How many positions of a pair are drawn as those that look least real."""
    sizes: dict[str, Size]
    """Height and width of each pair's maps."""
    settings: str = ""
    """Digest of the training's settings, but for its length, and of the cadence; empty in files of earlier versions."""


@dataclass(frozen=True)
class Probe:
    """The probe image of a training, and the sizes of the maps that are sampled; `Probe.of` chooses both."""

    options: EnCoOptions
    image: Tensor
    name: str
    sizes: dict[str, Size]
    folder: Path
    settings: str

    @classmethod
    def of(cls, config: RunConfig, method: Method, folder: Path) -> Probe | None:
        """Return the probe of a training; None where none is asked for, and for a method other than EnCo.

        Raises UserError for a probe image that does not exist, and one whose maps have more cells than 16 bits count.
        """
        options = method.options
        if not config.train.probe_epochs or not isinstance(options, EnCoOptions):
            return None
        source = config.data.root / ("testA" if config.data.direction == "AtoB" else "testB")
        reading = Reading.of_config(config.data)
        file = _probe_image(source, reading, config.train.probe_image)
        image = test_image(file, options.test_side, options.interpolation, reading.levels)
        sizes = _map_sizes(method.networks["generator"], options)
        return cls(options, image[None], file.relative_to(source).as_posix(), sizes, folder, _digest(config))

    def resume(self, epoch: int) -> None:
        """Go back to the end of an epoch: remove the draws of later ones, as of iterations that are lost."""
        for file in self.folder.glob("epoch[0-9]*.safetensors"):
            if int(file.stem.removeprefix("epoch")) > epoch:
                file.unlink()

    def draw(self, method: Method, epoch: int) -> None:
        """Write the positions of an epoch, whole: 2 bytes each, so 512 for the 256 of a pair."""
        options = self.options
        with forked_rng(method.device, epoch), evaluating(method.networks.values()), torch.no_grad():
            scores = method.networks["discriminator"](method.translate(self.image.to(method.device)))
            drawn = {
                pair: dag_positions(
                    resize_scores(scores, size), options.patches, options.k, options.beta, options.dag_rest
                )
                for pair, size in self.sizes.items()
            }
        least = {pair: round(options.beta * positions.shape[1]) for pair, positions in drawn.items()}
        about = {"epoch": epoch, "image": self.name, "settings": self.settings}
        about |= {"least_real": least, "sizes": self.sizes}
        tensors = {pair: positions[0].cpu().to(torch.uint16) for pair, positions in drawn.items()}
        save_safetensors(
            self.folder / f"epoch{epoch:04d}.safetensors", tensors, {k: json.dumps(v) for k, v in about.items()}
        )


def _probe_image(folder: Path, reading: Reading, name: str) -> Path:
    files = reading.files(folder) if folder.is_dir() else []
    if not files:
        raise UserError(f"{folder} has no image to probe: put the test images there, or set probe_epochs to 0.")
    by_name = {file.relative_to(folder).as_posix(): file for file in files}
    if name and name not in by_name:
        raise unknown("image", name, by_name, f"probe_image, which is looked for in {folder}")
    return by_name[name] if name else files[0]


def _digest(config: RunConfig) -> str:
    """Digest the settings that two draws of one training have in common: how long it lasts may change."""
    settings = {key: value for key, value in settings_of(config).items() if key not in LENGTH}
    return digest_of(settings | {"probe_epochs": config.train.probe_epochs})


def _map_sizes(generator: torch.nn.Module, options: EnCoOptions) -> dict[str, Size]:
    """Return the height and width of each pair's maps of a test image."""
    assert isinstance(generator, ResnetGenerator)
    shapes = feature_shapes(generator, {query for _, query in options.pairs}, options.test_side)
    sizes = {f"{key}-{query}": shapes[query][1:] for key, query in options.pairs}
    for pair, (height, width) in sizes.items():
        if height * width > MOST_CELLS:
            raise UserError(
                f"The maps of pair {pair} have {height} x {width} cells, and a probe counts up to {MOST_CELLS:,}: set"
                " probe_epochs to 0, or the option test_size to at most 256."
            )
    return sizes


def read_draws(folder: Path) -> list[Draw]:
    """Read the draws of a probe's folder by epoch; none where there is no such folder.

    Raises UserError for a file that is no draw, and for draws of several images, settings or cadences.
    """
    draws = [_read_draw(file) for file in sorted(folder.glob("epoch*.safetensors"))]
    if len(names := {draw.image for draw in draws}) > 1:
        raise UserError(
            f"{folder} has draws of several images ({', '.join(sorted(names))}): train with one probe_image throughout,"
            " or remove the files of the others."
        )
    if len({draw.settings for draw in draws}) > 1:
        raise UserError(
            f"{folder} has draws of several trainings, whose settings or probe_epochs differ: remove those of one, or"
            f" remove {folder.parent} and call again, which trains it anew."
        )
    return draws


def _read_draw(file: Path) -> Draw:
    try:
        tensors, about = load_safetensors(file)
        said = {key: json.loads(about[key]) for key in ("epoch", "image", "least_real", "sizes")}
    except (Unreadable, KeyError, ValueError) as error:
        raise UserError(f"{file} is no file of a probe, or is cut ({error}): remove it.") from error
    return Draw(
        epoch=said["epoch"],
        image=said["image"],
        positions={pair: positions.numpy() for pair, positions in tensors.items()},
        least_real=said["least_real"],
        sizes={pair: _size(size) for pair, size in said["sizes"].items()},
        settings=json.loads(about.get("settings", '""')),
    )


def _size(values: Sequence[int]) -> Size:
    height, width = values
    return height, width
