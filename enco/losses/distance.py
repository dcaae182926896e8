"""Distances between images that a translation should keep (Benaim and Wolf 2017, arXiv 1706.00826)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from enco.errors import UserError
from enco.losses.terms import l1
from enco.options.selfdistance import Axis


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of the distances in one domain; the defaults leave distances unchanged."""

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, distances: Tensor, domain: str) -> Statistics:
        """Compute the statistics of N distances in a domain (source or target), as of a whole population.

        Raises UserError where the distances do not vary and so cannot be scaled.
        """
        deviation = float(distances.double().std(correction=0)) if len(distances) else 0.0
        if deviation == 0:
            raise UserError(
                f"The {len(distances)} distances measured in the {domain} domain's training images do not differ, so "
                "they cannot be normalised: give more images, or set the option 'normalize' to false."
            )
        return cls(float(distances.double().mean()), deviation)

    def normalize(self, distances: Tensor) -> Tensor:
        """Express distances of any shape in standard deviations from the mean."""
        return (distances - self.mean) / self.deviation


def pair_distances(images: Tensor) -> Tensor:
    """Return the mean absolute differences of all B(B-1)/2 pairs of images B x 3 x H x W, with gradients.

    Raises UserError for fewer than two images.
    """
    if len(images) < 2:
        raise UserError(
            f"Distances are between images of one batch, which needs at least 2 of each domain, not {len(images)}: "
            "give images_per_step of them."
        )
    return torch.stack([l1(one, other) for one, other in combinations(images, 2)])


@torch.no_grad()
def item_distances(items: Sequence[Tensor]) -> Tensor:
    """Return the N(N-1)/2 mean absolute differences of N tensors of one shape, on the CPU and without gradients."""
    vectors = torch.stack([item.flatten() for item in items]).cpu()
    return F.pdist(vectors, p=1) / vectors.shape[1]


def half_distance(images: Tensor, axis: Axis = "height") -> Tensor:
    """Return the mean absolute difference of images' top and bottom (`height`) or left and right (`width`) halves.

    Images are B x 3 x H x W; the result is a scalar, the mean over the batch. A middle row or column belongs to
    neither half.
    """
    dim = -2 if axis == "height" else -1
    half = images.shape[dim] // 2
    return l1(images.narrow(dim, 0, half), images.narrow(dim, images.shape[dim] - half, half))


def distance_loss(before: Tensor, after: Tensor, source: Statistics, target: Statistics) -> Tensor:
    """Return the mean absolute change of normalised distances by translating.

    `before`: distances in the inputs, normalised by the source domain's statistics; `after`: distances in the
    translations, normalised by the statistics of the target domain's real images.
    """
    return l1(target.normalize(after), source.normalize(before))
