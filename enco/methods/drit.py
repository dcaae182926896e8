"""DRIT: content that two domains share, and attributes that they do not (Lee et al. 2018, arXiv 1808.00948).

As in the authors' DRIT++ code (arXiv 1905.01270), with mode seeking. Source is domain A. Of a batch of any size the
first image is encoded; the other images are only real examples for the second pair of discriminators. So of the six
images of each domain that a step takes, one is translated, one only judged, two train the content discriminator alone,
and two are loaded and not used, as in the original.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from enco.data.batch import Batch
from enco.errors import UserError
from enco.losses.terms import code_penalty, confusion, discriminator_loss, generator_loss, l1, mode_seeking, summed
from enco.methods.base import Method, TranslationDirection
from enco.methods.parts.optim import adam, frozen, minimize
from enco.methods.parts.schedule import Schedule
from enco.methods.parts.styles import styles_of
from enco.networks.domains import DOMAINS, OPPOSITE, Domain, direction_to
from enco.networks.drit import Attribute, AttributeEncoder, ContentDiscriminator, ContentEncoder, Generator
from enco.networks.layers.init import Net, init_weights
from enco.networks.multiscale import MultiScaleDiscriminator, StyleEncoder
from enco.options.drit import INFO, DritOptions
from enco.runtime.precision import no_autocast
from enco.runtime.randomness import normal

Pair = dict[Domain, Tensor]


@dataclass(frozen=True)
class Translations:
    """Codes and images that an iteration makes of a pair of images, each by the domain that it is in."""

    content: Pair
    attribute: dict[Domain, Attribute]
    fake: Pair
    recon: Pair
    cycle: Pair
    random: dict[Domain, tuple[Tensor, ...]]
    regressed: Pair
    latents: tuple[Tensor, ...]


class Drit(Method):
    """DRIT: encoders of contents and attributes, and a generator of images from any content with any attribute."""

    info = INFO
    options: DritOptions
    translators = ("content_encoder", "generator")

    def __init__(self, options: DritOptions, schedule: Schedule, device: torch.device) -> None:
        super().__init__(options, schedule, device)
        opt = options
        self.content_encoder = initialised(ContentEncoder(opt.ngf, opt.n_blocks))
        self.attribute_encoders = {domain: make_attribute_encoder(opt) for domain in DOMAINS}
        self.generator = initialised(Generator(opt.ngf, opt.n_blocks, opt.attribute_dim, opt.concat))
        self.discriminators = {domain: make_discriminator(opt) for domain in DOMAINS}
        self.random_discriminators = {domain: make_discriminator(opt) for domain in DOMAINS}
        self.content_discriminator = initialised(ContentDiscriminator(4 * opt.ngf, 4 * opt.ndf, opt.content_d_layers))
        self.add_networks(
            content_encoder=self.content_encoder,
            attribute_encoder_a=self.attribute_encoders["a"],
            attribute_encoder_b=self.attribute_encoders["b"],
            generator=self.generator,
            discriminator_a=self.discriminators["a"],
            discriminator_b=self.discriminators["b"],
            discriminator_a2=self.random_discriminators["a"],
            discriminator_b2=self.random_discriminators["b"],
            content_discriminator=self.content_discriminator,
        )

    @property
    def image_discriminators(self) -> list[nn.Module]:
        """The discriminators of images with encoded attributes, then those of images with random attributes."""
        return [*self.discriminators.values(), *self.random_discriminators.values()]

    def build_optimizers(self) -> dict[str, Optimizer]:
        rates, decay = self.options, self.options.weight_decay
        encoders = self.attribute_encoders.values()
        return {
            "translator": adam(self.content_encoder, self.generator, lr=rates.lr_g, weight_decay=decay),
            "attribute_encoders": adam(*encoders, lr=rates.lr_g, weight_decay=decay),
            "discriminators": adam(*self.image_discriminators, lr=rates.lr_d, weight_decay=decay),
            "content_discriminator": adam(self.content_discriminator, lr=rates.lr_content_d, weight_decay=decay),
        }

    def lr_factor(self, epoch: int) -> float:
        """Return the shared schedule's factor, with a decay that begins an epoch later."""
        return replace(self.schedule, n_const=self.schedule.n_const + 1).factor(epoch)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Update the content discriminator d_iter times, the last time together with everything else."""
        *earlier, images, unseen = split_batch(batch, self.options)
        for encoded in earlier[::2]:
            with torch.no_grad():
                content = {d: self.noisy_content(encoded[d], d) for d in DOMAINS}
            self.update_content_discriminator(content)
        translations = self.forward(images)
        d_terms = self.discriminator_terms(images, unseen, translations)
        minimize(summed(d_terms.values()), self.optimizers["discriminators"])
        d_terms |= self.update_content_discriminator(translations.content)
        with frozen(*self.image_discriminators, self.content_discriminator):
            encoded_terms, random_terms = self.encoded_terms(images, translations), self.random_terms(translations)
        self.update_translator(encoded_terms, random_terms)
        return d_terms | encoded_terms | random_terms

    def forward(self, images: Pair) -> Translations:
        """Translate both ways, with encoded and with random attributes; translate the images with encoded ones back."""
        content = {d: self.noisy_content(images[d], d) for d in DOMAINS}
        attribute = {d: self.attribute(images[d], d) for d in DOMAINS}
        codes = {d: attribute[d].draw() for d in DOMAINS}
        latents = self.draw_latents(len(images["a"]))
        encoded = {d: self.generate([content[OPPOSITE[d]], content[d]], [codes[d], codes[d]], d) for d in DOMAINS}
        random = {d: self.generate([content[OPPOSITE[d]]] * len(latents), latents, d) for d in DOMAINS}
        fake = {d: encoded[d][0] for d in DOMAINS}
        content_again = {OPPOSITE[d]: self.noisy_content(fake[d], d) for d in DOMAINS}
        codes_again = {d: self.attribute(fake[d], d).draw() for d in DOMAINS}
        return Translations(
            content=content,
            attribute=attribute,
            latents=latents,
            fake=fake,
            recon={d: encoded[d][1] for d in DOMAINS},
            cycle={d: self.generator(content_again[d], codes_again[d], d) for d in DOMAINS},
            random=random,
            regressed={d: self.attribute(random[d][0], d).mean for d in DOMAINS},
        )

    def noisy_content(self, images: Tensor, domain: Domain) -> Tensor:
        """Encode contents and add unit Gaussian noise, as everywhere in training."""
        content = self.content_encoder(images, domain)
        return content + normal(content.shape, content.device)

    def attribute(self, images: Tensor, domain: Domain) -> Attribute:
        """Encode the attributes of a domain's images."""
        encoder = self.attribute_encoders[domain]
        return encoder(images) if self.options.concat else Attribute(encoder(images).flatten(1))

    def draw_latents(self, n: int) -> tuple[Tensor, ...]:
        """Draw random attributes, n x attribute_dim, for both domains; twice for mode seeking."""
        draws = 2 if self.options.mode_seeking else 1
        return tuple(normal((n, self.options.attribute_dim), self.device) for _ in range(draws))

    def generate(self, contents: Sequence[Tensor], codes: Sequence[Tensor], domain: Domain) -> tuple[Tensor, ...]:
        """Generate a domain's images, one batch for each pair of a content and a code, in one pass."""
        return self.generator(torch.cat([*contents]), torch.cat([*codes]), domain).chunk(len(codes))

    def discriminator_terms(self, images: Pair, unseen: Pair, translations: Translations) -> dict[str, Tensor]:
        """Return both halves of all four image discriminators' losses, on detached fakes."""
        terms: dict[str, Tensor] = {}
        for d in DOMAINS:
            real, fake = self.d_losses(self.discriminators[d], images[d], [translations.fake[d].detach()])
            terms |= {f"d_{d}_real": real, f"d_{d}_fake": fake}
            fakes = [fake.detach() for fake in translations.random[d]]
            real, fake = self.d_losses(self.random_discriminators[d], unseen[d], fakes)
            terms |= {f"d_{d}2_real": real, f"d_{d}2_fake": fake}
        return terms

    def d_losses(self, discriminator: nn.Module, real: Tensor, fakes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return a discriminator's losses on real and on fake images, summed over scales and batches of fakes."""
        mode, n, times = self.options.gan_mode, len(real), len(fakes)
        maps = discriminator(torch.cat([real, *fakes]))
        on_real = summed(discriminator_loss(scores[:n], True, mode) for scores in maps)
        on_fakes = summed(discriminator_loss(scores[n:], False, mode) for scores in maps)
        return times * on_real, times * on_fakes

    def g_loss(self, discriminator: nn.Module, fakes: Sequence[Tensor]) -> Tensor:
        """Return the adversarial loss of generated images, summed over a discriminator's scales and the fakes."""
        maps = discriminator(torch.cat([*fakes]))
        return len(fakes) * summed(generator_loss(scores, self.options.gan_mode) for scores in maps)

    def update_content_discriminator(self, content: Pair) -> dict[str, Tensor]:
        """Update the discriminator of contents by a clipped gradient; return both terms."""
        terms = {
            f"d_content_{d}": discriminator_loss(self.content_discriminator(content[d].detach()), d == "b", "vanilla")
            for d in DOMAINS
        }
        optimizer = self.optimizers["content_discriminator"]
        minimize(summed(terms.values()), optimizer, largest_norm=self.options.content_d_clip)
        return terms

    def encoded_terms(self, images: Pair, translations: Translations) -> dict[str, Tensor]:
        """Return the unweighted terms of images with encoded attributes, which train encoders and generator."""
        terms: dict[str, Tensor] = {}
        for d in DOMAINS:
            terms |= {
                f"gan_{direction_to(d)}": self.g_loss(self.discriminators[d], [translations.fake[d]]),
                f"content_gan_{d}": confusion(self.content_discriminator(translations.content[d])),
                f"cycle_{d}": l1(translations.cycle[d], images[d]),
                f"recon_{d}": l1(translations.recon[d], images[d]),
                f"attribute_{d}": code_penalty(translations.attribute[d].mean, translations.attribute[d].log_variance),
                f"content_{d}": code_penalty(translations.content[d]),
            }
        return terms

    def random_terms(self, translations: Translations) -> dict[str, Tensor]:
        """Return the unweighted terms of images with random attributes, which train content encoder and generator."""
        terms: dict[str, Tensor] = {}
        for d in DOMAINS:
            terms[f"gan_random_{direction_to(d)}"] = self.g_loss(self.random_discriminators[d], translations.random[d])
            terms[f"latent_{direction_to(d)}"] = l1(translations.regressed[d], translations.latents[0])
            if self.options.mode_seeking:
                terms[f"ms_{direction_to(d)}"] = mode_seeking(translations.random[d], translations.latents)
        return terms

    def update_translator(self, encoded_terms: Mapping[str, Tensor], random_terms: Mapping[str, Tensor]) -> None:
        """Update content encoder and generator twice, the second time without the attribute encoders.

        Both gradients belong to the weights before the first update. The authors' PyTorch 0.4 took the second gradient
        from old activations and new weights, which later versions refuse.
        """
        translator, attribute_encoders = self.optimizers["translator"], self.optimizers["attribute_encoders"]
        weights = [*self.content_encoder.parameters(), *self.generator.parameters()]
        with no_autocast():
            second = torch.autograd.grad(total_loss(random_terms, self.options), weights, retain_graph=True)
        minimize(total_loss(encoded_terms, self.options), translator, attribute_encoders)
        for weight, gradient in zip(weights, second, strict=True):
            weight.grad = gradient
        translator.step()

    @torch.no_grad()
    def translate(self, images: Tensor, direction: TranslationDirection = "forward") -> Tensor:
        """Translate B x 3 x H x W images in [-1, 1], each image always with one random attribute (`styles_of`)."""
        source, target = DOMAINS if direction == "forward" else DOMAINS[::-1]
        codes = styles_of(images, self.options.attribute_dim, self.options.style_seed)
        return self.generator(self.content_encoder(images, source), codes, target)


def split_batch(batch: Batch, options: DritOptions) -> list[Pair]:
    """Split a step's images into d_iter batches, and each batch into the pair to encode and the unseen images.

    Raises UserError where the number of images is not that of d_iter batches.
    """
    counts = sorted({len(batch["source"]), len(batch["target"])})
    if counts != [options.images_per_step]:
        raise UserError(
            f"DRIT's step takes {options.images_per_step} images of each domain (batch_size {options.batch_size} x "
            f"d_iter {options.d_iter}), not {' and '.join(map(str, counts))}: give images_per_step of them."
        )
    batches = zip(batch["source"].chunk(options.d_iter), batch["target"].chunk(options.d_iter), strict=True)
    return [{"a": a[part], "b": b[part]} for a, b in batches for part in (slice(1), slice(1, None))]


def initialised(network: Net) -> Net:
    """Draw normal convolution weights in place, leave all else as PyTorch made it, and return the network."""
    return init_weights(network, "normal", zero_biases=False, linear=False)


def make_attribute_encoder(options: DritOptions) -> AttributeEncoder | StyleEncoder:
    """Make and initialise one domain's attribute encoder."""
    encoder = AttributeEncoder if options.concat else StyleEncoder
    return initialised(encoder(options.ngf, options.attribute_dim))


def make_discriminator(options: DritOptions) -> MultiScaleDiscriminator:
    """Make and initialise a discriminator of one domain's images."""
    return initialised(MultiScaleDiscriminator(options.ndf, slope=0.01, scales=options.n_scales))


def total_loss(terms: Mapping[str, Tensor], options: DritOptions) -> Tensor:
    """Return the weighted sum of unweighted terms, of images with encoded or with random attributes."""
    weights = {
        "gan": options.lambda_gan,
        "content_gan": options.lambda_content_gan,
        "cycle": options.lambda_cycle,
        "recon": options.lambda_recon,
        "attribute": options.lambda_attribute,
        "content": options.lambda_content,
        "gan_random": options.lambda_gan,
        "latent": options.lambda_latent,
        "ms": options.lambda_ms,
    }
    return summed(weights[name.rpartition("_")[0]] * term for name, term in terms.items())
