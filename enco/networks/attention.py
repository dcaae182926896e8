"""Query-selected attention (QS-Attn, Hu et al. 2022, arXiv 2203.08483): dot products, without weights or scaling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from enco.networks.features import gather_cells
from enco.options.qs_attn import LocalLayout
from enco.runtime.precision import in_float32


@in_float32
def global_attention(features: Tensor, rows: Tensor | None = None) -> Tensor:
    """Compute attention of the cells at `rows` (B x P; None is all) of B x C x H x W to all N cells: B x P x N."""
    return (cells_at(features, rows) @ features.flatten(2)).softmax(-1)


@in_float32
def local_attention(features: Tensor, windows: Tensor, rows: Tensor | None = None) -> Tensor:
    """Compute attention of the cells at `rows` (B x P; None is all) to their windows B x P x M x C: B x P x M.

    The zeros beyond the map's border take part, with logit 0.
    """
    return (windows @ cells_at(features, rows)[..., None]).squeeze(-1).softmax(-1)


def route(attention: Tensor, values: Tensor) -> Tensor:
    """Sum values, B x N x C or of each row B x P x M x C, weighted by attention B x P x N or B x P x M: B x P x C."""
    return attention @ values if values.dim() == 3 else (attention[..., None, :] @ values).squeeze(-2)


def entropy(attention: Tensor) -> Tensor:
    """Return the entropy in nats along the last axis; 0 log 0 is 0."""
    return torch.special.entr(attention).sum(-1)


def lowest_entropy(attention: Tensor, count: int) -> Tensor:
    """Return indices B x `count` of the rows of B x N x M attention with the least entropy, lowest first, at most N.

    Ties, of which one-hot rows give thousands, keep the rows' order.
    """
    return entropy(attention).argsort(dim=-1, stable=True)[:, :count]


def windows_at(features: Tensor, side: int, layout: LocalLayout, rows: Tensor | None = None) -> Tensor:
    """Gather the `side` x `side` neighbours of the cells at `rows` (B x P; None is all), as B x P x side^2 x C.

    Zeros lie beyond the border. `official`: the numbers lie channel by channel and are read as if neighbour by
    neighbour, as in the released code, so that a "neighbour" mixes numbers of the whole window.
    """
    unfolded = F.unfold(features, side, padding=side // 2)
    numbers = unfolded.mT if rows is None else gather_cells(unfolded, rows)
    channels = features.shape[1]
    if layout == "official":
        return numbers.reshape(len(numbers), numbers.shape[1], -1, channels)
    return numbers.reshape(len(numbers), numbers.shape[1], channels, -1).mT


def values_at(features: Tensor, side: int, layout: LocalLayout, rows: Tensor) -> Tensor:
    """Gather the values that attention of the cells at `rows` (B x P) to windows sums, as B x P x side^2 x C.

    `correct`: the windows themselves. `official`: the numbers of all selected windows, window position by window
    position, cut into P equal pieces, as in the released code, so that a piece mixes numbers of all selected cells.
    """
    if layout == "correct":
        return windows_at(features, side, layout, rows)
    numbers = gather_cells(F.unfold(features, side, padding=side // 2), rows)
    return numbers.mT.reshape(*rows.shape, side**2, features.shape[1])


def cells_at(features: Tensor, rows: Tensor | None = None) -> Tensor:
    """Gather the cells at `rows` (B x P; None is all) of B x C x H x W features, as B x P x C."""
    return features.flatten(2).mT if rows is None else gather_cells(features, rows)
