"""Sampling of the feature-map positions of patch losses. A position is an index into the flattened H*W cells."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from enco.options.sampling import DagRest, SamplingOptions
from enco.runtime.precision import in_float32
from enco.runtime.randomness import draw_device


def uniform_positions(cells: int, patches: int) -> Tensor:
    """Draw `patches` different positions of `cells`, or all positions if there are fewer, in random order; int64.

    Positions are drawn, and lie, where `rng_device` says: by default on the CPU, so that a seed means the same
    positions on every device.
    """
    device = draw_device()
    if device.type == "cpu":
        return torch.randperm(cells)[:patches]
    return random_subset(cells, min(patches, cells), device)


def random_subset(cells: int, count: int, device: torch.device) -> Tensor:
    """Draw `count` different positions of `cells` in random order on a device, without a full sort or a wait."""
    return torch.rand(cells, device=device).topk(count).indices


def dag_positions(scores: Tensor, patches: int, k: int, beta: float, rest: DagRest = "top") -> Tensor:
    """Sample positions by discriminative attention (DAG; EnCo, Algorithm 1): B x 1 x H x W scores to B x P positions.

    Each image has draws of its own. `scores` are raw discriminator outputs, high where a patch looks
    real. `rest`: the share 1 - beta comes from the top of the pool (paper), or from all positions anew (released code;
    the two shares may then overlap). P is `patches`, or H*W if that is less.
    """
    # Single precision: in a double-precision run, cells to which resizing gave one border score then tie exactly.
    return torch.stack([_dag_positions(image, patches, k, beta, rest) for image in scores.detach().float().flatten(1)])


def _dag_positions(scores: Tensor, patches: int, k: int, beta: float, rest: DagRest) -> Tensor:
    patches = min(patches, scores.numel())
    pool = uniform_positions(scores.numel(), k * patches).to(scores.device)
    least_real, most_real = dag_split(scores, pool, patches, beta)
    if rest == "uniform":
        most_real = uniform_positions(scores.numel(), len(most_real)).to(scores.device)
    return torch.cat([least_real, most_real])


def dag_split(scores: Tensor, pool: Tensor, patches: int, beta: float) -> tuple[Tensor, Tensor]:
    """Return the beta * patches least real positions of the pool, and the (1 - beta) * patches most real positions.

    `scores` has one value per position; `pool` holds at least `patches` positions. Equal scores keep the pool's order.
    """
    ranked = pool[scores[pool].argsort(stable=True)]
    n_least = round(beta * patches)
    n_most = patches - n_least
    # Counted from the front: Algorithm 1's slice [(beta - 1) * K:] is everything, not nothing, at beta = 1.
    return ranked[:n_least], ranked[len(ranked) - n_most :]


def sample_positions(options: SamplingOptions, size: tuple[int, int], scores: Tensor | None) -> Tensor:
    """Sample positions on a feature map of `size` (H, W): by DAG from B x 1 x h x w scores (B x P), else uniformly (P).

    Uniform positions are the same for all images of a batch, as in the CUT code.
    """
    if options.k == 1 or scores is None:
        return uniform_positions(size[0] * size[1], options.patches)
    return dag_positions(resize_scores(scores, size), options.patches, options.k, options.beta, options.dag_rest)


@in_float32
def resize_scores(scores: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize discriminator scores B x 1 x h x w to a feature map's size, bilinear, with a padded map's border."""
    return F.interpolate(scores, size, mode="bilinear", align_corners=False)
