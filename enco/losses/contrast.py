"""PatchNCE between the encodings of two images (CUT, section 3), as CUT and DCLGAN use it."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from enco.config import Tap
from enco.losses import Negatives, patch_nce
from enco.networks.generator import Features, ResnetGenerator, feature_shapes
from enco.networks.heads import ProjectionHead
from enco.networks.init import init_weights
from enco.sampling import SamplingOptions, gather_cells, map_size, sample_positions


class ContrastOptions(SamplingOptions):
    """What is contrasted, and how."""

    taps: tuple[Tap, ...] = Field((0, 4, 8, 12, 16), min_length=1, description="Generator modules that are compared.")
    tau: float = Field(0.07, gt=0, description="Temperature of PatchNCE.")
    nce_diag: float | None = Field(-10.0, description="Similarity on the negatives' diagonal; null leaves it out.")
    negatives: Negatives = Field("image", description="Negatives from the same image, or from the whole batch.")
    key_features: Literal["encoded", "reused"] = Field(
        "encoded",
        description="Keys from an encoder pass of their own, as in the code, or from the pass that translates: "
        "the same numbers, in less time.",
    )
    head_width: int = Field(256, ge=1, description="Width of the heads.")


def make_heads(generator: ResnetGenerator, options: ContrastOptions) -> nn.ModuleList:
    """One projection head for each tap, initialised; UserError for a tap that the generator does not have."""
    shapes = feature_shapes(generator, options.taps, options.crop_size)
    heads = nn.ModuleList(ProjectionHead(shapes[tap][0], options.head_width) for tap in options.taps)
    return init_weights(heads, "xavier")


def key_features(
    generator: ResnetGenerator, images: Tensor, reusable: Features, options: ContrastOptions, detached: bool = True
) -> Features:
    """The images' features to contrast with, by a pass of their own or those already there, detached or not."""
    if options.key_features == "reused":
        return {tap: feature.detach() if detached else feature for tap, feature in reusable.items()}
    with torch.set_grad_enabled(not detached and torch.is_grad_enabled()):
        return generator.encode(images, options.taps)


def sampled_cells(
    keys: Tensor, queries: Tensor, options: ContrastOptions, scores: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The cells of two B x C x H x W features at the same freshly drawn positions, both as B x P x C."""
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
    """Mean PatchNCE over taps and positions; each tap draws its positions anew, by the scores in DAG sampling.

    Gradient flows to queries only. `scores`: the discriminator's, B x 1 x h x w, of the images behind the queries.
    """
    losses = []
    for tap, key_head, query_head in zip(options.taps, key_heads, query_heads, strict=True):
        key, query = sampled_cells(keys[tap], queries[tap], options, scores)
        key, query = key_head(key).detach(), query_head(query)
        losses.append(patch_nce(query, key, options.tau, options.nce_diag, options.negatives).mean())
    return torch.stack(losses).mean()
