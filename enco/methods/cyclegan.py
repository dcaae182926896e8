"""CycleGAN: two generators that undo each other (Zhu et al. 2017, arXiv 1703.10593). Source is domain A."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer

from enco.data.batch import Batch
from enco.losses.terms import generator_loss, l1
from enco.methods.base import Method
from enco.methods.parts.adversarial import update_both_discriminators
from enco.methods.parts.optim import adam, frozen, minimize
from enco.methods.parts.pool import ImagePool
from enco.methods.parts.schedule import Schedule
from enco.networks.discriminator import PatchDiscriminator
from enco.networks.generator import ResnetGenerator
from enco.networks.layers.init import Init, init_weights
from enco.options.cyclegan import INFO, CycleGanOptions


class CycleGan(Method):
    """CycleGAN: a generator for each direction, a discriminator for each domain."""

    info = INFO
    options: CycleGanOptions
    translators = ("generator_ab", "generator_ba")

    def __init__(self, options: CycleGanOptions, schedule: Schedule, device: torch.device) -> None:
        super().__init__(options, schedule, device)
        self.g_ab, self.g_ba = make_generator(options), make_generator(options)
        self.d_a, self.d_b = make_discriminator(options), make_discriminator(options)
        self.add_networks(
            generator_ab=self.g_ab, generator_ba=self.g_ba, discriminator_a=self.d_a, discriminator_b=self.d_b
        )
        self.pool_a, self.pool_b = ImagePool(options.pool_size), ImagePool(options.pool_size)
        self.add_pools(a=self.pool_a, b=self.pool_b)

    def build_optimizers(self) -> dict[str, Optimizer]:
        return {
            "generators": adam(self.g_ab, self.g_ba, lr=self.options.lr_g),
            "discriminators": adam(self.d_a, self.d_b, lr=self.options.lr_d),
        }

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Update the generators, then the discriminators on images of the generators before their update."""
        a, b = batch["source"], batch["target"]
        fake_b, fake_a = self.g_ab(a), self.g_ba(b)
        with frozen(self.d_a, self.d_b):
            g_terms = self.generator_terms(a, b, fake_a, fake_b)
        minimize(total_loss(g_terms, self.options), self.optimizers["generators"])
        pooled = self.pool_a.query(fake_a.detach()), self.pool_b.query(fake_b.detach())
        d_terms = update_both_discriminators(
            self.d_a, self.d_b, self.optimizers["discriminators"], (a, b), pooled, self.options.gan_mode
        )
        return g_terms | d_terms

    def generator_terms(self, a: Tensor, b: Tensor, fake_a: Tensor, fake_b: Tensor) -> dict[str, Tensor]:
        """Return the adversarial, cycle and identity terms, unweighted."""
        mode = self.options.gan_mode
        terms = {
            "gan_ab": generator_loss(self.d_b(fake_b), mode),
            "gan_ba": generator_loss(self.d_a(fake_a), mode),
            "cycle_a": l1(self.g_ba(fake_b), a),
            "cycle_b": l1(self.g_ab(fake_a), b),
        }
        if self.options.lambda_identity > 0:
            terms |= {"idt_a": l1(self.g_ba(a), a), "idt_b": l1(self.g_ab(b), b)}
        return terms


def make_generator(options: CycleGanOptions) -> ResnetGenerator:
    """Make and initialise one direction's generator."""
    return init_weights(ResnetGenerator(options.ngf, options.n_blocks, options.arch), init_of(options))


def make_discriminator(options: CycleGanOptions) -> PatchDiscriminator:
    """Make and initialise one domain's discriminator."""
    return init_weights(PatchDiscriminator(options.ndf, options.arch == "antialiased"), init_of(options))


def init_of(options: CycleGanOptions) -> Init:
    """Return the initialisation that goes with the architecture."""
    return "normal" if options.arch == "strided" else "xavier"


def total_loss(terms: Mapping[str, Tensor], options: CycleGanOptions) -> Tensor:
    """Return the generators' loss from unweighted terms; identity terms may be absent."""
    cycle = options.lambda_a * terms["cycle_a"] + options.lambda_b * terms["cycle_b"]
    loss = terms["gan_ab"] + terms["gan_ba"] + cycle
    if "idt_a" in terms:
        identity = options.lambda_a * terms["idt_a"] + options.lambda_b * terms["idt_b"]
        loss = loss + options.lambda_identity * identity
    return loss
