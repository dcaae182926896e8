"""The step of a discriminator that the one-sided methods share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.optim import Optimizer

from enco.config import GanMode
from enco.losses import discriminator_terms
from enco.optim import minimize


def update_discriminator(
    discriminator: nn.Module, optimizer: Optimizer, real: Tensor, fake: Tensor, mode: GanMode
) -> dict[str, Tensor]:
    """One step on real and generated B x 3 x H x W images; returns d_real and d_fake, whose half sum it minimises."""
    terms = discriminator_terms(discriminator(real), discriminator(fake.detach()), mode)
    minimize(0.5 * (terms["d_real"] + terms["d_fake"]), optimizer)
    return terms
