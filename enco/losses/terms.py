"""Loss terms, as pure functions of tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from enco.options.base import GanMode
from enco.options.contrast import Negatives
from enco.options.dclgan import HingeForm
from enco.runtime.precision import in_float32


@in_float32
def discriminator_loss(scores: Tensor, real: bool, mode: GanMode) -> Tensor:
    """Return the mean loss of raw discriminator scores of images that are real, or fake.

    `lsgan`: squared distance to 1 (real) or 0 (fake), Mao et al. 2017; `hinge`: margin 1 either side of 0;
    `vanilla`: binary cross-entropy.
    """
    if mode == "hinge":
        return F.relu(1 - scores if real else 1 + scores).mean()
    wanted = torch.full_like(scores, float(real))
    return F.mse_loss(scores, wanted) if mode == "lsgan" else F.binary_cross_entropy_with_logits(scores, wanted)


def discriminator_terms(real_scores: Tensor, fake_scores: Tensor, mode: GanMode) -> dict[str, Tensor]:
    """Return both terms of one discriminator's loss, by the names d_real and d_fake."""
    return {
        "d_real": discriminator_loss(real_scores, True, mode),
        "d_fake": discriminator_loss(fake_scores, False, mode),
    }


@in_float32
def generator_loss(scores: Tensor, mode: GanMode, hinge: HingeForm = "linear") -> Tensor:
    """Return the mean adversarial loss of generated images with these raw discriminator scores.

    The hinge is linear in the scores, or clipped like a discriminator's: no gradient where a score is above 1 (DCLGAN).
    """
    return -scores.mean() if (mode, hinge) == ("hinge", "linear") else discriminator_loss(scores, True, mode)


@in_float32
def confusion(scores: Tensor) -> Tensor:
    """Return the cross-entropy of raw scores with one half, least (ln 2) for undecided scores (DRIT, section 3.1)."""
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, 0.5))


@in_float32
def patch_nce(
    queries: Tensor, keys: Tensor, tau: float, diag: float | None = -10.0, negatives: Negatives = "image"
) -> Tensor:
    """Return the PatchNCE (CUT, eq. 3) of each query, B x P, for unit embeddings B x P x D.

    Query i's positive is key i; the negatives are the other keys of the same image, or of the whole batch. In the CUT
    code the negatives keep their diagonal, filled with the similarity `diag`: one more, constant, negative. None leaves
    the diagonal out. Keys are not detached here.
    """
    shape = queries.shape[:2]
    if negatives == "batch":
        queries, keys = queries.flatten(0, 1)[None], keys.flatten(0, 1)[None]
    logits = queries @ keys.mT / tau
    if diag is not None:
        logits = F.pad(logits, (0, 1), value=diag / tau)
    positives = torch.arange(logits.shape[1], device=logits.device).expand(logits.shape[:2])
    return F.cross_entropy(logits.flatten(0, 1), positives.flatten(), reduction="none").view(shape)


@in_float32
def cosine_distance(queries: Tensor, keys: Tensor) -> Tensor:
    """Return 2 - 2 cos(query, key) over the last axis (EnCo, AAAI version): 0 for equal, 4 for opposite directions."""
    return 2 - 2 * F.cosine_similarity(queries, keys, dim=-1)


@in_float32
def l1(images: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean absolute error, as for identity and cycle-consistency losses."""
    return F.l1_loss(images, wanted)


@in_float32
def code_penalty(mean: Tensor, log_variance: Tensor | None = None) -> Tensor:
    """Return the summed KL divergence of distributions from N(0, I), or the mean square of plain codes (DRIT)."""
    if log_variance is None:
        return mean.square().mean()
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()


@in_float32
def mode_seeking(images: Sequence[Tensor], latents: Sequence[Tensor]) -> Tensor:
    """Return the ratio of the latents' distance to the images' distance (Mao et al. 2019, arXiv 1903.05628)."""
    return 1 / (l1(*images) / l1(*latents) + 1e-5)


def summed(losses: Iterable[Tensor]) -> Tensor:
    """Sum 0-d losses, such as the losses of a discriminator's scales."""
    return torch.stack(list(losses)).sum()
