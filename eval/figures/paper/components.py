"""Draw Figure 6: the first three principal components of a generator's feature maps, as red, green and blue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from enco.errors import UserError
from enco.networks.generator import ResnetGenerator
from enco.options.base import MethodOptions
from enco.options.enco import EnCoOptions
from eval.figures.paper.choose import choose_images, sources_by_translation
from eval.figures.paper.comparison import image_panel, shown
from eval.figures.paper.networks import Loaded, load_resnet, network_input
from eval.figures.paper.options import ComponentOptions
from eval.figures.paper.panels import Panel, Pixels, grid
from eval.figures.paper.planned import PlannedPaperFigure, PlannedRun, PlannedTask

PAPER = (3, 7, 13, 18, 24, 28)
"""The paper's modules: those of EnCo's pairs at 9 residual blocks."""
Array = NDArray[np.float64]


def draw_components(planned: PlannedPaperFigure, options: ComponentOptions) -> tuple[Figure, list[str]]:
    """Return the figure, and sentences on the images that it shows and the generators that are not there."""
    (task,) = planned.tasks
    chosen, said = choose_images(task, options.images, planned.score), []
    loaded: dict[PlannedRun, Loaded] = {}
    for run in task.runs:
        try:
            loaded[run] = load_resnet(run)
        except UserError as error:
            said.append(f"No features of {run.label}: {error}")
    if not loaded:
        raise UserError(f"{planned.name} shows no generator: {' '.join(said)}")
    modules = options.modules or paired(one.method.options for one in loaded.values())
    rows = []
    for one in chosen:
        for run, (method, generator) in loaded.items():
            images = _images(task, one.source, options.batch, method.options)
            panels = [Panel(picture) for picture in pictures(feature_maps(generator, images, modules), options)]
            rows.append((f"{run.label}\n{one.label}", [image_panel(task, one.source), *panels]))
    return grid(["Input", *(f"module {module}" for module in modules)], rows), [shown(task, chosen), *said]


def paired(options: Iterable[MethodOptions]) -> tuple[int, ...]:
    """Return the modules that the first EnCo of these pairs, or the paper's."""
    pairs = next((one.pairs for one in options if isinstance(one, EnCoOptions)), None)
    return tuple(sorted(module for pair in pairs for module in pair)) if pairs else PAPER


def _images(task: PlannedTask, first: Path, count: int, options: MethodOptions) -> Tensor:
    """Return the test image that is shown, and those beside it that components are fitted to."""
    others = [file for file in sources_by_translation(task).values() if file != first]
    return torch.cat([network_input(task, file, options) for file in [first, *others][:count]])


@torch.no_grad()
def feature_maps(generator: ResnetGenerator, images: Tensor, modules: Sequence[int]) -> list[Array]:
    """Return each module's features of B x 3 x S x S images, B x C x H x W.

    Raises UserError for a module that the generator does not have.
    """
    if missing := [module for module in modules if module >= len(generator)]:
        raise UserError(f"The generator has {len(generator)} modules, and no {missing[0]}: name others in 'modules'.")
    features = generator.encode(images, modules)
    return [features[module].double().numpy() for module in modules]


def pictures(maps: Sequence[Array], options: ComponentOptions) -> list[Pixels]:
    """Return the first image's maps as colours; `maps` are B x C x H x W, one for each module."""
    groups = [index if options.basis == "map" else one.shape for index, one in enumerate(maps)]
    found = {}
    for group in dict.fromkeys(groups):
        cells = np.concatenate([_cells(one) for one, its in zip(maps, groups, strict=True) if its == group])
        found[group] = principal_components(cells, largest_positive=options.sign == "largest")
    return [as_colours(one[0], *found[group]) for one, group in zip(maps, groups, strict=True)]


def principal_components(cells: Array, *, largest_positive: bool = True) -> tuple[Array, Array]:
    """Return the mean of N x C cells and the first three principal components, C x 3 (with zeros where C is less).

    With `largest_positive`, the loading of largest magnitude of each component is positive.
    """
    mean = cells.mean(axis=0)
    centred = cells - mean
    basis = np.linalg.eigh(centred.T @ centred / len(cells))[1][:, ::-1][:, :3]
    if largest_positive:
        largest = np.abs(basis).argmax(axis=0)
        basis = basis * np.where(basis[largest, range(basis.shape[1])] < 0, -1.0, 1.0)
    return mean, np.pad(basis, ((0, 0), (0, 3 - basis.shape[1])))


def as_colours(features: Array, mean: Array, basis: Array) -> Pixels:
    """Project C x H x W features on three components, and stretch each from its minimum to its maximum: H x W x 3."""
    values = (_cells(features[None]) - mean) @ basis
    low, high = values.min(axis=0), values.max(axis=0)
    stretched = np.divide(values - low, high - low, out=np.zeros_like(values), where=high > low)
    pixels: Pixels = np.round(255 * stretched).astype(np.uint8).reshape(*features.shape[1:], 3)
    return pixels


def _cells(maps: Array) -> Array:
    """Return the cells of B x C x H x W maps as rows, N x C."""
    return np.moveaxis(maps, 1, -1).reshape(-1, maps.shape[1])
