"""DCLGAN: CUT both ways with an encoder for each domain (Han et al. 2021, arXiv 2104.07689). Source is domain A.

A domain's encoder is the first half of the generator that translates from it. So a source and its translation are
encoded by different generators, and embedded by different heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from enco.data.batch import Batch
from enco.losses.contrast import contrast, key_features, make_heads
from enco.losses.terms import generator_loss, l1
from enco.methods.base import Method
from enco.methods.parts.adversarial import update_both_discriminators
from enco.methods.parts.optim import adam, frozen, minimize
from enco.methods.parts.schedule import Schedule
from enco.networks.discriminator import cut_discriminator
from enco.networks.generator import Features, ResnetGenerator, cut_generator
from enco.options.dclgan import INFO, DclGanOptions


@dataclass(frozen=True)
class Pass:
    """Outputs of one generator for a batch: translations, images of the target domain generated again, and keys."""

    fake: Tensor
    identity: Tensor
    keys: Features


class DclGan(Method):
    """DCLGAN: generators both ways; discriminators and heads are named after the domain of their images."""

    info = INFO
    options: DclGanOptions
    translators = ("generator_ab", "generator_ba")

    def __init__(self, options: DclGanOptions, schedule: Schedule, device: torch.device) -> None:
        super().__init__(options, schedule, device)
        self.g_ab, self.g_ba = cut_generator(options), cut_generator(options)
        self.d_a, self.d_b = cut_discriminator(options), cut_discriminator(options)
        self.heads_a, self.heads_b = make_heads(self.g_ab, options), make_heads(self.g_ba, options)
        self.add_networks(generator_ab=self.g_ab, generator_ba=self.g_ba)
        self.add_networks(discriminator_a=self.d_a, discriminator_b=self.d_b)
        self.add_networks(heads_a=self.heads_a, heads_b=self.heads_b)

    def build_optimizers(self) -> dict[str, Optimizer]:
        return {
            "generators": adam(self.g_ab, self.g_ba, lr=self.options.lr_g),
            "discriminators": adam(self.d_a, self.d_b, lr=self.options.lr_d),
            "heads": adam(self.heads_a, self.heads_b, lr=self.options.lr_f, betas=self.options.betas_f),
        }

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Update the discriminators, then the generators and heads."""
        a, b = batch["source"], batch["target"]
        to_b, to_a = self.forward(self.g_ab, a, b), self.forward(self.g_ba, b, a)
        d_terms = update_both_discriminators(
            self.d_a, self.d_b, self.optimizers["discriminators"], (a, b), (to_a.fake, to_b.fake), self.options.gan_mode
        )
        with frozen(self.d_a, self.d_b):
            g_terms = self.generator_terms(a, b, to_a, to_b)
        minimize(total_loss(g_terms, self.options), self.optimizers["generators"], self.optimizers["heads"])
        return d_terms | g_terms

    def forward(self, generator: ResnetGenerator, images: Tensor, of_target: Tensor) -> Pass:
        """Translate images and, unless identity losses have no weight, images of the target domain in the same pass."""
        inputs = torch.cat([images, of_target]) if self.options.lambda_idt > 0 else images
        output, features = generator.forward_features(inputs, self.options.layers)
        n = len(images)
        reusable = {layer: feature[:n] for layer, feature in features.items()}
        return Pass(output[:n], output[n:], key_features(generator, images, reusable, self.options))

    def generator_terms(self, a: Tensor, b: Tensor, to_a: Pass, to_b: Pass) -> dict[str, Tensor]:
        """Return the unweighted adversarial, NCE and identity terms; DAG sampling goes by the translations' scores."""
        opt = self.options
        scores_a, scores_b = self.d_a(to_a.fake), self.d_b(to_b.fake)
        queries_a, queries_b = self.g_ab.encode(to_a.fake, opt.layers), self.g_ba.encode(to_b.fake, opt.layers)
        terms = {
            "gan_ab": generator_loss(scores_b, opt.gan_mode, opt.g_hinge),
            "gan_ba": generator_loss(scores_a, opt.gan_mode, opt.g_hinge),
            "nce_ab": contrast(to_b.keys, queries_b, self.heads_a, self.heads_b, opt, scores_b),
            "nce_ba": contrast(to_a.keys, queries_a, self.heads_b, self.heads_a, opt, scores_a),
        }
        if opt.lambda_idt > 0:
            terms |= {"idt_a": l1(to_a.identity, a), "idt_b": l1(to_b.identity, b)}
        return terms


def total_loss(terms: Mapping[str, Tensor], options: DclGanOptions) -> Tensor:
    """Return the generators' loss from unweighted terms; identity terms may be absent."""
    gan, nce = terms["gan_ab"] + terms["gan_ba"], terms["nce_ab"] + terms["nce_ba"]
    loss = options.lambda_gan * gan + options.lambda_nce * nce
    if "idt_a" in terms:
        loss = loss + options.lambda_idt * (terms["idt_a"] + terms["idt_b"])
    return (0.5 if options.half_factor else 1.0) * loss
