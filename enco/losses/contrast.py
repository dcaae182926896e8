"""PatchNCE between the encodings of two images (CUT, section 3), as CUT and DCLGAN use it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from enco.losses.sampling import sample_positions
from enco.losses.terms import patch_nce
from enco.networks.features import gather_cells, map_size
from enco.networks.generator import Features, ResnetGenerator, feature_shapes
from enco.networks.heads import ProjectionHead
from enco.networks.layers.init import init_weights
from enco.options.contrast import ContrastOptions


def make_heads(generator: ResnetGenerator, options: ContrastOptions) -> nn.ModuleList:
    """Make and initialise a projection head for each layer; UserError for a layer that the generator does not have."""
    shapes = feature_shapes(generator, options.layers, options.crop_size)
    heads = nn.ModuleList(ProjectionHead(shapes[layer][0], options.head_width) for layer in options.layers)
    return init_weights(heads, "xavier")


def key_features(
    generator: ResnetGenerator, images: Tensor, reusable: Features, options: ContrastOptions, detached: bool = True
) -> Features:
    """Return the images' features to contrast with, from a pass of their own or from `reusable`, detached or not."""
    if options.key_features == "reused":
        return {layer: feature.detach() if detached else feature for layer, feature in reusable.items()}
    with torch.set_grad_enabled(not detached and torch.is_grad_enabled()):
        return generator.encode(images, options.layers)


def sampled_cells(
    keys: Tensor, queries: Tensor, options: ContrastOptions, scores: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Sample cells of two B x C x H x W features at the same freshly drawn positions; returns B x P x C of each."""
    positions = sample_positions(options, map_size(keys), scores)
    return gather_cells(keys, positions), gather_cells(queries, positions)


def contrast(
    keys: Features,
    queries: Features,
    key_heads: nn.ModuleList,
    query_heads: nn.ModuleList,
    options: ContrastOptions,
    scores: Tensor | None = None,
) -> Tensor:
    """Return the mean PatchNCE over layers and positions; each layer draws positions anew, in DAG sampling by scores.

    Gradient flows to queries only. `scores`: the discriminator's, B x 1 x h x w, of the images behind the queries.
    """
    losses = []
    for layer, key_head, query_head in zip(options.layers, key_heads, query_heads, strict=True):
        key, query = sampled_cells(keys[layer], queries[layer], options, scores)
        key, query = key_head(key).detach(), query_head(query)
        losses.append(patch_nce(query, key, options.tau, options.nce_diag, options.negatives).mean())
    return torch.stack(losses).mean()
