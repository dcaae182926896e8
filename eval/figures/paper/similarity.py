"""Draw Figure 1: which cells of an image a method's heads find similar to a cell of the translation.

A map is exp(q · k / tau): q embeds one cell of the query features, k each cell of the key features, both of unit
length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from enco.data.folders import printable
from enco.errors import UserError, unknown
from enco.methods.base import Method
from enco.methods.cut import Cut
from enco.methods.dclgan import DclGan
from enco.methods.enco import EnCo
from enco.networks.features import map_size
from enco.networks.generator import ResnetGenerator
from enco.networks.heads import l2_normalize
from enco.options.contrast import ContrastOptions
from eval.figures.paper.choose import Chosen, choose_images, sources_by_translation
from eval.figures.paper.comparison import image_panel, shown
from eval.figures.paper.networks import load_method, network_input
from eval.figures.paper.options import Point, SimilarityOptions
from eval.figures.paper.panels import Panel, coloured, grid
from eval.figures.paper.planned import PlannedPaperFigure, PlannedTask

COLOURS = ("red", "blue")
"""Of the query in the foreground, and of that in the background."""


class Maps(NamedTuple):
    """A method's maps of an image's points, and the layers that they are of."""

    layers: list[str]
    maps: list[Tensor]


@dataclass(frozen=True)
class Layer:
    """Embedded features of one layer or pair, each H x W x D of unit length."""

    queries: Tensor
    keys: Tensor
    tau: float
    name: str = ""
    """Number of the layer, or those of a pair, `3-28`."""

    def similarity(self, point: Point) -> Tensor:
        """Return the H x W map of the cell at a point of the image."""
        height, width = self.queries.shape[:2]
        x, y = (min(int(share * side), side - 1) for share, side in zip(point, (width, height), strict=True))
        return torch.exp(self.keys @ self.queries[y, x] / self.tau)


def draw_similarity(planned: PlannedPaperFigure, options: SimilarityOptions) -> tuple[Figure, list[str]]:
    """Return the figure, and sentences on the images and layers that it shows and the maps that cannot be made.

    Raises UserError for points of an image, and for layers, that there are not.
    """
    (task,) = planned.tasks
    chosen, methods, said = choose_images(task, options.images, planned.score), {}, []
    said += _unused_points(task, chosen, options)
    for run in task.runs:
        try:
            methods[run.variant] = load_method(run)
        except UserError as error:
            said.append(f"No map of {run.label}: {error}")
    found = [_maps(task, one, methods, options) for one in chosen]
    rows = [(one.label, _row(task, one, maps, options)) for one, maps in zip(chosen, found, strict=True)]
    headers = [f"{run.label}\n{colour} query" for run in task.runs for colour in COLOURS]
    layers = [f"{run.label} {', '.join(maps.layers)}" for run in task.runs if (maps := found[0].get(run.variant))]
    said += [f"Layers, or pairs of layers: {'; '.join(layers)}."] if layers else []
    return grid(["Input", *headers], rows), [shown(task, chosen), *said]


def _points(name: str, options: SimilarityOptions) -> tuple[Point, Point]:
    return options.points.get(name, (options.foreground, options.background))


def _unused_points(task: PlannedTask, chosen: Sequence[Chosen], options: SimilarityOptions) -> list[str]:
    """Say which images with points of their own are not shown; UserError for a name that no test image has."""
    names = {name.removesuffix(".png") for name in sources_by_translation(task)}
    for name in options.points:
        if name not in names:
            raise unknown("test image", name, names, "figure1.points")
    unused = sorted(options.points.keys() - {one.name for one in chosen})
    return [f"Points of images that are not shown: {printable(', '.join(unused))}."] if unused else []


def _maps(task: PlannedTask, chosen: Chosen, methods: dict[str, Method], options: SimilarityOptions) -> dict[str, Maps]:
    """Return the map of each point of an image, by variant."""
    found = {}
    for run in task.runs:
        if method := methods.get(run.variant):
            layers = layers_of(method, network_input(task, chosen.source, method.options), run.backward)
            kept = shown_layers(layers, options, run.variant)
            maps = [similarity_map(kept, point, task.size, options) for point in _points(chosen.name, options)]
            found[run.variant] = Maps([layer.name for layer in kept], maps)
    return found


def _row(task: PlannedTask, chosen: Chosen, found: dict[str, Maps], options: SimilarityOptions) -> list[Panel]:
    maps = scaled([one for of_run in found.values() for one in of_run.maps], options.scaling)
    panels = iter([Panel(coloured(one.double().numpy(), options.colour_map)) for one in maps])
    marked = tuple(zip(_points(chosen.name, options), COLOURS, strict=True))
    picture = Panel(image_panel(task, chosen.source).pixels, points=marked)
    wanted = [run.variant for run in task.runs for _ in COLOURS]
    return [picture, *(next(panels) if variant in found else Panel(None, "no heads") for variant in wanted)]


def shown_layers(layers: Sequence[Layer], options: SimilarityOptions, variant: str) -> list[Layer]:
    """Return the layer whose map is shown, or all whose mean is; UserError for a number that there is not."""
    which = options.layer.get(variant, "coarsest") if isinstance(options.layer, dict) else options.layer
    if which == "mean":
        return list(layers)
    if isinstance(which, int):
        if which >= len(layers):
            raise UserError(
                f"{variant} has no layer {which} of {len(layers)}: set figure1.layer from 0 to {len(layers) - 1}."
            )
        return [layers[which]]
    sizes = [len(layer.keys) for layer in layers]
    return [layers[sizes.index(max(sizes)) if which == "finest" else len(sizes) - 1 - sizes[::-1].index(min(sizes))]]


def similarity_map(layers: Sequence[Layer], point: Point, side: int, options: SimilarityOptions) -> Tensor:
    """Return the map of one point at `side` x `side` pixels, of one layer, or the mean of all once each is scaled."""
    if options.layer == "mean":
        maps = [upsampled(min_max(layer.similarity(point)), side, options.upsampling) for layer in layers]
        return torch.stack(maps).mean(dim=0)
    (layer,) = layers
    return upsampled(layer.similarity(point), side, options.upsampling)


def upsampled(values: Tensor, side: int, mode: str) -> Tensor:
    """Resize an H x W map to `side` x `side`."""
    corners = {} if mode == "nearest" else {"align_corners": False}
    return F.interpolate(values[None, None], (side, side), mode=mode, **corners)[0, 0]


def min_max(values: Tensor) -> Tensor:
    """Map the least value to 0 and the greatest to 1; equal values to 0."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else torch.zeros_like(values)


def scaled(maps: Sequence[Tensor], scaling: str) -> list[Tensor]:
    """Scale the maps of a picture to [0, 1], each by its own range or all by one."""
    if scaling == "map" or not maps:
        return [min_max(one) for one in maps]
    return list(min_max(torch.stack(list(maps))))


@torch.no_grad()
def layers_of(method: Method, image: Tensor, backward: bool = False) -> list[Layer]:
    """Embed the features of a 1 x 3 x S x S image and of its translation, as the method's content loss does.

    EnCo: queries are decoder features of the pass that translates, keys its encoder features. CUT: queries encode the
    translation, keys the image. DCLGAN: queries are encoded by the other direction's generator and embedded by its
    heads. Of CUT and DCLGAN the image itself, layer 0, is left out. Raises UserError for other methods.
    """
    if isinstance(method, EnCo):
        return _layers_of_enco(method, image)
    if isinstance(method, DclGan):
        ab = ((method.g_ab, method.heads_a), (method.g_ba, method.heads_b))
        return _layers_of_encoders(method, image, *(reversed(ab) if backward else ab))
    if isinstance(method, Cut):
        one = (method.generator, method.heads)
        return _layers_of_encoders(method, image, one, one)
    raise UserError(f"{method.info.label} has no heads that compare cells: name EnCo, CUT or DCLGAN.")


def _layers_of_enco(method: EnCo, image: Tensor) -> list[Layer]:
    options = method.options
    features = method.generator.forward_features(image, {layer for pair in options.pairs for layer in pair})[1]
    features |= {0: image} if 0 in features else {}
    return [
        Layer(_embedded(head.query, features[query]), _embedded(head.key, features[key]), options.tau, f"{key}-{query}")
        for (key, query), head in zip(options.pairs, method.heads, strict=True)
    ]


Encoder = tuple[ResnetGenerator, torch.nn.ModuleList]


def _layers_of_encoders(method: Cut | DclGan, image: Tensor, keys: Encoder, queries: Encoder) -> list[Layer]:
    options, translation = method.options, keys[0](image)
    embedded = zip(_encoded(queries, translation, options), _encoded(keys, image, options), strict=True)
    names = [str(layer) for layer in options.layers if layer]
    return [Layer(*one, options.tau, name) for one, name in zip(embedded, names, strict=True)]


def _encoded(encoder: Encoder, images: Tensor, options: ContrastOptions) -> list[Tensor]:
    """Encode and embed 1 x 3 x S x S images by a generator and its heads, without layer 0."""
    generator, heads = encoder
    features = generator.encode(images, options.layers)
    return [_embedded(head, features[layer]) for layer, head in zip(options.layers, heads, strict=True) if layer]


def _embedded(head: Any, features: Tensor) -> Tensor:
    """Embed the cells of a 1 x C x H x W map as H x W x D vectors of unit length."""
    return l2_normalize(head(features[0].flatten(1).T)).reshape(*map_size(features), -1)
