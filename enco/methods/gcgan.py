"""GcGAN: translating a turned image should give the turned translation (Fu et al. 2018, arXiv 1809.05852)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.optim import Optimizer

from enco.data.batch import Batch
from enco.losses.terms import discriminator_terms, generator_loss, l1, summed
from enco.methods.base import Method
from enco.methods.parts.optim import adam, frozen, minimize
from enco.methods.parts.pool import ImagePool
from enco.methods.parts.schedule import Schedule
from enco.networks.discriminator import PatchDiscriminator
from enco.networks.generator import ResnetGenerator
from enco.networks.layers.init import init_weights
from enco.options.gcgan import INFO, GcGanOptions, Geometry


class GcGan(Method):
    """GcGAN: plain and transformed images are translated; each kind has a discriminator of its own."""

    info = INFO
    options: GcGanOptions

    def __init__(self, options: GcGanOptions, schedule: Schedule, device: torch.device) -> None:
        super().__init__(options, schedule, device)
        self.generator = self.generator_gc = make_generator(options)
        self.discriminator, self.discriminator_gc = make_discriminator(options), make_discriminator(options)
        self.add_networks(
            generator=self.generator, discriminator=self.discriminator, discriminator_gc=self.discriminator_gc
        )
        if options.sharing == "cross":
            self.generator_gc = make_generator(options)
            self.add_networks(generator_gc=self.generator_gc)
        self.pool, self.pool_gc = ImagePool(options.pool_size), ImagePool(options.pool_size)
        self.add_pools(plain=self.pool, transformed=self.pool_gc)

    def build_optimizers(self) -> dict[str, Optimizer]:
        generators = [self.generator] if self.options.sharing == "share" else [self.generator, self.generator_gc]
        return {
            "generators": adam(*generators, lr=self.options.lr_g),
            "discriminators": adam(self.discriminator, self.discriminator_gc, lr=self.options.lr_d),
        }

    def share_copying(self) -> None:
        """Give the generator of turned images the weights of the other: a turned copy is the copy of a turned image."""
        if self.generator_gc is not self.generator:
            self.generator_gc.load_state_dict(self.generator.state_dict())

    def lr_factor(self, epoch: int) -> float:
        """Return the factor of a decay that begins an epoch early: as in the original, the last epoch has rate 0."""
        early = replace(self.schedule, n_const=self.schedule.n_const - 1)
        return (early if self.schedule.n_decay else self.schedule).factor(epoch)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Update the generators, then both discriminators on images of the generators before their update."""
        source, target = batch["source"], batch["target"]
        turned = transform(target, self.options.geometry)
        fake = self.generator(source)
        fake_gc = self.generator_gc(transform(source, self.options.geometry))
        with frozen(self.discriminator, self.discriminator_gc):
            g_terms = self.generator_terms(target, turned, fake, fake_gc)
        minimize(total_loss(g_terms, self.options), self.optimizers["generators"])
        pooled, pooled_gc = self.pool.query(fake.detach()), self.pool_gc.query(fake_gc.detach())
        d_terms = self.discriminator_terms(target, turned, pooled, pooled_gc)
        minimize(0.5 * summed(d_terms.values()), self.optimizers["discriminators"])
        return g_terms | d_terms

    def generator_terms(self, target: Tensor, turned: Tensor, fake: Tensor, fake_gc: Tensor) -> dict[str, Tensor]:
        """Return unweighted adversarial, geometry and identity terms; `turned` are the transformed target images."""
        mode = self.options.gan_mode
        terms = {
            "gan_g": generator_loss(self.discriminator(fake), mode),
            "gan_gc": generator_loss(self.discriminator_gc(fake_gc), mode),
            "gc": geometry_loss(fake, fake_gc, self.options.geometry),
        }
        if self.options.lambda_identity > 0:
            terms |= {"idt": l1(self.generator(target), target), "idt_gc": l1(self.generator_gc(turned), turned)}
        return terms

    def discriminator_terms(self, target: Tensor, turned: Tensor, fake: Tensor, fake_gc: Tensor) -> dict[str, Tensor]:
        """Return both halves of both discriminators' losses, for detached fakes."""
        mode = self.options.gan_mode
        plain = discriminator_terms(self.discriminator(target), self.discriminator(fake), mode)
        transformed = discriminator_terms(self.discriminator_gc(turned), self.discriminator_gc(fake_gc), mode)
        return {**plain, "d_gc_real": transformed["d_real"], "d_gc_fake": transformed["d_fake"]}


def transform(images: Tensor, geometry: Geometry) -> Tensor:
    """Turn B x C x H x W images by 90 degrees clockwise (rot), to B x C x W x H, or flip them upside down (vf)."""
    return images.rot90(-1, (-2, -1)) if geometry == "rot" else images.flip(-2)


def inverse(images: Tensor, geometry: Geometry) -> Tensor:
    """Undo `transform`."""
    return images.rot90(1, (-2, -1)) if geometry == "rot" else images.flip(-2)


def geometry_loss(fake: Tensor, fake_gc: Tensor, geometry: Geometry) -> Tensor:
    """Return the L1 distances of each translation to the other translation, transformed to fit and detached.

    `fake` is the translation of the plain images, `fake_gc` the translation of the transformed images.
    """
    return l1(fake, inverse(fake_gc.detach(), geometry)) + l1(fake_gc, transform(fake.detach(), geometry))


def make_generator(options: GcGanOptions) -> ResnetGenerator:
    """Make and initialise a generator; biases keep PyTorch's own initialisation."""
    return init_weights(ResnetGenerator(options.ngf, options.n_blocks, "strided"), "xavier", zero_biases=False)


def make_discriminator(options: GcGanOptions) -> PatchDiscriminator:
    """Make and initialise a discriminator; biases keep PyTorch's own initialisation."""
    return init_weights(PatchDiscriminator(options.ndf, antialiased=False), "xavier", zero_biases=False)


def total_loss(terms: Mapping[str, Tensor], options: GcGanOptions) -> Tensor:
    """Return the generators' loss from unweighted terms; identity terms may be absent."""
    kept = options.lambda_gc * terms["gc"]
    if "idt" in terms:
        kept = kept + options.lambda_identity * (terms["idt"] + terms["idt_gc"])
    return options.lambda_gan * (terms["gan_g"] + terms["gan_gc"]) + options.lambda_ab * kept
