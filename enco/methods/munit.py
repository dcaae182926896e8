"""MUNIT: a content from one domain, decoded in a random style of the other (Huang et al. 2018, arXiv 1804.04732).

Source is domain A. A style may also be that of an example: `method.b.decode(method.a.encode(image)[0], style)`. The
VGG perceptual term, which only the authors' configuration for 512 pixels weights, is left out. Test images are
made square as for every method here, where the original resizes their shorter side.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from enco.data.batch import Batch
from enco.losses.terms import discriminator_loss, generator_loss, l1, summed
from enco.methods.base import Method, TranslationDirection
from enco.methods.parts.optim import adam, frozen, minimize
from enco.methods.parts.schedule import Schedule
from enco.methods.parts.styles import styles_of
from enco.networks.layers.init import init_weights
from enco.networks.multiscale import MultiScaleDiscriminator
from enco.networks.munit import AutoEncoder
from enco.options.munit import INFO, MunitOptions
from enco.runtime.randomness import normal


class Munit(Method):
    """MUNIT: an autoencoder and a discriminator for each domain; domains share contents, not styles."""

    info = INFO
    options: MunitOptions
    translators = ("autoencoder_a", "autoencoder_b")

    def __init__(self, options: MunitOptions, schedule: Schedule, device: torch.device) -> None:
        super().__init__(options, schedule, device)
        self.a, self.b = make_autoencoder(options), make_autoencoder(options)
        self.d_a, self.d_b = make_discriminator(options), make_discriminator(options)
        self.add_networks(autoencoder_a=self.a, autoencoder_b=self.b)
        self.add_networks(discriminator_a=self.d_a, discriminator_b=self.d_b)
        self.iteration = 0

    def build_optimizers(self) -> dict[str, Optimizer]:
        decay = self.options.weight_decay
        return {
            "autoencoders": adam(self.a, self.b, lr=self.options.lr_g, weight_decay=decay),
            "discriminators": adam(self.d_a, self.d_b, lr=self.options.lr_d, weight_decay=decay),
        }

    def lr_factor(self, epoch: int) -> float:
        """Return the factor of a decay every `lr_step` iterations, whatever the epoch and n_decay, after any warm-up.

        As in the original, where the scheduler moves before an iteration, the decay is one iteration early.
        """
        cuts = (self.iteration + 1) // self.options.lr_step
        return self.schedule.warmup_factor(epoch) * self.options.lr_gamma**cuts

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Update the discriminators, then the autoencoders, with separate draws of random styles."""
        a, b = batch["source"], batch["target"]
        d_terms = self.discriminator_terms(a, b, *self.translations(a, b))
        minimize(self.options.lambda_gan * summed(d_terms.values()), self.optimizers["discriminators"])
        with frozen(self.d_a, self.d_b):
            g_terms = self.generator_terms(a, b, self.random_styles(len(b)), self.random_styles(len(a)))
        minimize(total_loss(g_terms, self.options), self.optimizers["autoencoders"])
        return d_terms | g_terms

    def end_step(self) -> None:
        """Count the step, and set the next step's rates, which may change within an epoch."""
        self.iteration += 1
        self.set_rates()

    def random_styles(self, count: int) -> Tensor:
        """Draw this many styles from N(0, I)."""
        return normal((count, self.options.style_dim), self.device)

    @torch.no_grad()
    def translations(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Translate domain B's images to A, and A's to B, in random styles."""
        fake_a = self.a.decode(self.b.content_encoder(b), self.random_styles(len(b)))
        return fake_a, self.b.decode(self.a.content_encoder(a), self.random_styles(len(a)))

    def discriminator_terms(self, a: Tensor, b: Tensor, fake_a: Tensor, fake_b: Tensor) -> dict[str, Tensor]:
        """Return both halves of both discriminators' losses, summed over scales, for detached fakes."""
        mode = self.options.gan_mode
        return {
            "d_a_real": summed(discriminator_loss(scores, True, mode) for scores in self.d_a(a)),
            "d_a_fake": summed(discriminator_loss(scores, False, mode) for scores in self.d_a(fake_a)),
            "d_b_real": summed(discriminator_loss(scores, True, mode) for scores in self.d_b(b)),
            "d_b_fake": summed(discriminator_loss(scores, False, mode) for scores in self.d_b(fake_b)),
        }

    def generator_terms(self, a: Tensor, b: Tensor, style_a: Tensor, style_b: Tensor) -> dict[str, Tensor]:
        """Return the adversarial, reconstruction and any cycle terms, unweighted, for random styles B x style_dim.

        Content losses have gradients for both encodings: neither encoding is detached.
        """
        content_a, own_style_a = self.a.encode(a)
        content_b, own_style_b = self.b.encode(b)
        fake_a, fake_b = self.a.decode(content_b, style_a), self.b.decode(content_a, style_b)
        content_b_again, style_a_again = self.a.encode(fake_a)
        content_a_again, style_b_again = self.b.encode(fake_b)
        terms = {
            "gan_ab": summed(generator_loss(scores, self.options.gan_mode) for scores in self.d_b(fake_b)),
            "gan_ba": summed(generator_loss(scores, self.options.gan_mode) for scores in self.d_a(fake_a)),
            "image_a": l1(self.a.decode(content_a, own_style_a), a),
            "image_b": l1(self.b.decode(content_b, own_style_b), b),
            "style_a": l1(style_a_again, style_a),
            "style_b": l1(style_b_again, style_b),
            "content_a": l1(content_a_again, content_a),
            "content_b": l1(content_b_again, content_b),
        }
        if self.options.lambda_cycle > 0:
            terms["cycle_a"] = l1(self.a.decode(content_a_again, own_style_a), a)
            terms["cycle_b"] = l1(self.b.decode(content_b_again, own_style_b), b)
        return terms

    @torch.no_grad()
    def translate(self, images: Tensor, direction: TranslationDirection = "forward") -> Tensor:
        """Translate B x 3 x H x W images in [-1, 1], each image always in one random style (`styles_of`)."""
        source, target = (self.a, self.b) if direction == "forward" else (self.b, self.a)
        styles = styles_of(images, self.options.style_dim, self.options.style_seed)
        translated = target.decode(source.content_encoder(images), styles)
        return stretched(translated) if self.options.stretch else translated

    def extra_state(self) -> dict[str, Any]:
        """Return the iterations done, which decide the learning rates."""
        return {"iteration": self.iteration}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restore the iterations done."""
        self.iteration = state["iteration"]


def make_autoencoder(options: MunitOptions) -> AutoEncoder:
    """Make and initialise one domain's autoencoder."""
    net = AutoEncoder(options.ngf, options.n_blocks, options.style_dim, options.mlp_width)
    return init_weights(net, "kaiming")


def make_discriminator(options: MunitOptions) -> MultiScaleDiscriminator:
    """Make and initialise one domain's discriminator."""
    return init_weights(MultiScaleDiscriminator(options.ndf, scales=options.n_scales), "normal")


def total_loss(terms: Mapping[str, Tensor], options: MunitOptions) -> Tensor:
    """Return the autoencoders' loss from unweighted terms, both domains weighted alike; cycle terms may be absent."""
    loss = options.lambda_gan * (terms["gan_ab"] + terms["gan_ba"])
    loss = loss + options.lambda_image * (terms["image_a"] + terms["image_b"])
    loss = loss + options.lambda_style * (terms["style_a"] + terms["style_b"])
    loss = loss + options.lambda_content * (terms["content_a"] + terms["content_b"])
    if "cycle_a" in terms:
        loss = loss + options.lambda_cycle * (terms["cycle_a"] + terms["cycle_b"])
    return loss


def stretched(images: Tensor) -> Tensor:
    """Scale and shift each of B x 3 x H x W images as a whole, so that every image fills [-1, 1]."""
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    return 2 * (images - low) / (high - low).clamp_min(1e-5) - 1
