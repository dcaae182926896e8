"""Mine: a GAN whose translations stay near their sources."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.optim import Optimizer

from enco.data.batch import Batch
from enco.losses.terms import generator_loss, l1
from enco.methods.base import Method
from enco.methods.parts.adversarial import update_discriminator
from enco.methods.parts.optim import adam, frozen, minimize
from enco.methods.parts.schedule import Schedule
from enco.networks.discriminator import cut_discriminator
from enco.networks.generator import cut_generator
from enco.options.base import MethodInfo, MethodOptions


class MineOptions(MethodOptions):
    """Settings of this method."""

    lambda_l1: float = Field(10.0, ge=0, description="Weight of the distance to the source.")
    lr: float = Field(2e-4, gt=0, description="Learning rate of both networks.")


INFO = MethodInfo("mine", "Mine", "unpublished", 2026, two_sided=False, Options=MineOptions)


class Mine(Method):
    """A generator and a discriminator."""

    info = INFO
    options: MineOptions

    def __init__(self, options: MineOptions, schedule: Schedule, device: torch.device) -> None:
        super().__init__(options, schedule, device)
        self.generator, self.discriminator = cut_generator(options), cut_discriminator(options)
        self.add_networks(generator=self.generator, discriminator=self.discriminator)

    def build_optimizers(self) -> dict[str, Optimizer]:
        networks = self.networks.items()
        return {name: adam(network, lr=self.options.lr) for name, network in networks}

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Update the discriminator, then the generator."""
        source, target, mode = batch["source"], batch["target"], self.options.gan_mode
        fake = self.generator(source)
        d_terms = update_discriminator(self.discriminator, self.optimizers["discriminator"], target, fake, mode)
        with frozen(self.discriminator):
            g_terms = {"gan_g": generator_loss(self.discriminator(fake), mode), "l1": l1(fake, source)}
        minimize(g_terms["gan_g"] + self.options.lambda_l1 * g_terms["l1"], self.optimizers["generator"])
        return d_terms | g_terms
