"""The negative generator of NEGCUT (Wang et al. 2021, arXiv 2108.04547)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from enco.networks.heads import ProjectionHead
from enco.runtime.randomness import normal


class NegativeGenerator(nn.Module):
    """Two-layer MLP that generates negatives for a feature map from noise and the map's mean embedding."""

    def __init__(self, width: int = 256, noise_dim: int = 64) -> None:
        super().__init__()
        self.noise_dim = noise_dim
        self.head = ProjectionHead(width + noise_dim, width)

    def forward(self, mean_embeddings: Tensor, count: int) -> Tensor:
        """Generate unit negatives B x count x width, each with noise of its own, from mean embeddings B x width."""
        noise = normal((len(mean_embeddings), count, self.noise_dim), mean_embeddings.device)
        repeated = mean_embeddings[:, None].expand(-1, count, -1)
        return self.head(torch.cat([repeated, noise], dim=-1))


def mean_embedding(head: nn.Module, features: Tensor) -> Tensor:
    """Average the embeddings of all cells by a head: B x C x H x W features to B x width."""
    return head(features.flatten(2).mT).mean(dim=1)
