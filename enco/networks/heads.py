"""Heads that embed single feature-map cells for the content losses."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from enco.runtime.precision import in_float32


@in_float32
def l2_normalize(vectors: Tensor) -> Tensor:
    """Scale to unit length along the last axis as v / (|v| + 1e-7), the CUT code's form.

    A zero vector stays zero and, having no direction, gets no gradient (in the CUT code it gets NaN).
    """
    norm = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return torch.where(norm > 0, vectors / (norm + 1e-7), 0.0)


class ProjectionHead(nn.Module):
    """Two-layer MLP with outputs of unit length: ... x C cells to ... x width embeddings (CUT, section 3)."""

    def __init__(self, channels: int, width: int = 256) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(channels, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, cells: Tensor) -> Tensor:
        return l2_normalize(self.mlp(cells))


def batchnorm_projector(channels: int, width: int = 256) -> nn.Sequential:
    """Make the projector of EnCo's AAAI version, N x C to N x width: no biases, batch norm after each layer."""
    return nn.Sequential(
        nn.Linear(channels, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, width, bias=False),
        nn.BatchNorm1d(width, affine=False),
    )


def bottleneck_predictor(width: int = 256) -> nn.Sequential:
    """Make the predictor of EnCo's AAAI version, N x width to N x width through half the width."""
    half = width // 2
    return nn.Sequential(nn.Linear(width, half, bias=False), nn.BatchNorm1d(half), nn.ReLU(), nn.Linear(half, width))


class PairHead(nn.Module):
    """Projectors of the query and the key features of one encoder-decoder pair, shared or one each.

    Queries, but not keys, also pass through the `predictor` if there is one.
    """

    def __init__(self, projector: Callable[[], nn.Module], shared: bool, predictor: nn.Module | None = None) -> None:
        super().__init__()
        self.query_projector = projector()
        self.key_projector = None if shared else projector()
        self.predictor = predictor

    def query(self, cells: Tensor) -> Tensor:
        """Embed N x C cells of the decoder as N x width."""
        embedded = self.query_projector(cells)
        return embedded if self.predictor is None else self.predictor(embedded)

    def key(self, cells: Tensor) -> Tensor:
        """Embed N x C cells of the encoder as N x width."""
        return (self.key_projector or self.query_projector)(cells)
