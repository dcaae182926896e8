"""Updates of discriminators."""

from __future__ import annotations

from torch import Tensor, nn
from torch.optim import Optimizer

from enco.losses.terms import discriminator_terms, summed
from enco.methods.parts.optim import minimize
from enco.options.base import GanMode


def update_discriminator(
    discriminator: nn.Module, optimizer: Optimizer, real: Tensor, fake: Tensor, mode: GanMode
) -> dict[str, Tensor]:
    """Update a discriminator on real and generated B x 3 x H x W images; return d_real and d_fake.

    The loss is half the sum of both terms.
    """
    terms = discriminator_terms(discriminator(real), discriminator(fake.detach()), mode)
    minimize(0.5 * (terms["d_real"] + terms["d_fake"]), optimizer)
    return terms


def update_both_discriminators(
    d_a: nn.Module,
    d_b: nn.Module,
    optimizer: Optimizer,
    real: tuple[Tensor, Tensor],
    fake: tuple[Tensor, Tensor],
    mode: GanMode,
) -> dict[str, Tensor]:
    """Update both domains' discriminators, each on real and generated images of the domain.

    Returns d_a_real, d_a_fake, d_b_real and d_b_fake; the loss is half the sum of these terms.
    """
    terms: dict[str, Tensor] = {}
    for domain, discriminator, reals, fakes in zip("ab", (d_a, d_b), real, fake, strict=True):
        found = discriminator_terms(discriminator(reals), discriminator(fakes.detach()), mode)
        terms |= {f"d_{domain}_real": found["d_real"], f"d_{domain}_fake": found["d_fake"]}
    minimize(0.5 * summed(terms.values()), optimizer)
    return terms
