"""CUT: contrast the encoder features of a translation with those of its source (Park et al. 2020, arXiv 2007.15651)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from enco.data.batch import Batch
from enco.losses.contrast import contrast, key_features, make_heads
from enco.losses.terms import generator_loss
from enco.methods.base import Method
from enco.methods.parts.adversarial import update_discriminator
from enco.methods.parts.optim import adam, frozen, minimize
from enco.methods.parts.schedule import Schedule
from enco.networks.discriminator import cut_discriminator
from enco.networks.generator import Features, cut_generator
from enco.options.cut import INFO, CutOptions


class Cut(Method):
    """CUT: a generator whose translation's cells, encoded, resemble the source's cells at the same positions."""

    info = INFO
    options: CutOptions

    def __init__(self, options: CutOptions, schedule: Schedule, device: torch.device) -> None:
        super().__init__(options, schedule, device)
        self.generator, self.discriminator = cut_generator(options), self.make_discriminator()
        self.heads = make_heads(self.generator, options)
        self.add_networks(generator=self.generator, discriminator=self.discriminator, heads=self.heads)

    def make_discriminator(self) -> nn.Module:
        """Make and initialise the discriminator."""
        return cut_discriminator(self.options)

    def build_optimizers(self) -> dict[str, Optimizer]:
        return {
            "generator": adam(self.generator, lr=self.options.lr_g),
            "discriminator": adam(self.discriminator, lr=self.options.lr_d),
            "heads": adam(self.heads, lr=self.options.lr_f),
        }

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Update the discriminator, then the generator and heads; terms d_real, d_fake, gan_g, nce and nce_idt."""
        inputs, output, features = self.forward(batch)
        d_terms = self.update_discriminator(batch, output)
        g_terms = self.update_generator(inputs, output, features)
        return d_terms | g_terms

    def forward(self, batch: Batch) -> tuple[list[Tensor], Tensor, Features]:
        """Translate the source and, with identity NCE, the target; return inputs, stacked outputs and features."""
        inputs = [batch["source"], batch["target"]] if self.options.identity_nce else [batch["source"]]
        return inputs, *self.generator.forward_features(torch.cat(inputs), self.options.layers)

    def update_discriminator(self, batch: Batch, output: Tensor) -> dict[str, Tensor]:
        """Update the discriminator; return d_real and d_fake."""
        fake, optimizer = output[: len(batch["source"])], self.optimizers["discriminator"]
        return update_discriminator(self.discriminator, optimizer, batch["target"], fake, self.options.gan_mode)

    def update_generator(self, inputs: list[Tensor], output: Tensor, features: Features) -> dict[str, Tensor]:
        """Update the generator and heads against the frozen discriminator; return the `generator_terms`."""
        with frozen(self.discriminator):
            terms = self.generator_terms(inputs, output, features)
        minimize(total_loss(terms, self.options), self.optimizers["generator"], self.optimizers["heads"])
        return terms

    def generator_terms(self, inputs: list[Tensor], output: Tensor, features: Features) -> dict[str, Tensor]:
        """Return the unweighted adversarial and NCE terms of the generator's output for the stacked inputs.

        `inputs` are the source and, with identity NCE, the target; `features` are those of the translating pass.
        """
        outputs = torch.split(output, [len(images) for images in inputs])
        scores = [self.discriminator(outputs[0]), *(self.scores_of(translated) for translated in outputs[1:])]
        terms = {"gan_g": generator_loss(scores[0], self.options.gan_mode)}
        for name, keys, queries, judged in self.contrasts(inputs, outputs, features, scores):
            terms[name] = self.nce(keys, queries, judged)
        return terms

    def contrasts(
        self, inputs: list[Tensor], outputs: Sequence[Tensor], features: Features, scores: list[Tensor | None]
    ) -> Iterator[tuple[str, Features, Features, Tensor | None]]:
        """Yield name, keys, queries and sampling scores of each NCE term, encoded one term after the other."""
        start = 0
        for name, images, translated, judged in zip(("nce", "nce_idt"), inputs, outputs, scores, strict=False):
            reusable = {layer: feature[start : start + len(images)] for layer, feature in features.items()}
            queries = self.generator.encode(translated, self.options.layers)
            yield name, self.keys_of(images, reusable), queries, judged
            start += len(images)

    @torch.no_grad()
    def scores_of(self, images: Tensor) -> Tensor | None:
        """Return the discriminator's scores where sampling uses scores, else None."""
        return self.discriminator(images) if self.options.k > 1 else None

    @property
    def keys_detached(self) -> bool:
        """Whether the encodings that keys come from get no gradient; embedded keys never get a gradient."""
        return True

    def keys_of(self, images: Tensor, reusable: Features) -> Features:
        """Return features to contrast with, from a pass of their own or from the reusable features."""
        return key_features(self.generator, images, reusable, self.options, self.keys_detached)

    def nce(self, keys: Features, queries: Features, scores: Tensor | None = None) -> Tensor:
        """Return the mean PatchNCE over layers and positions, which DAG sampling draws by the scores for each layer."""
        return contrast(keys, queries, self.heads, self.heads, self.options, scores)


def total_loss(terms: Mapping[str, Tensor], options: CutOptions) -> Tensor:
    """Return the generator's loss from unweighted terms: gan_g, nce and, where identity NCE is on, nce_idt."""
    return options.lambda_gan * terms["gan_g"] + options.lambda_nce * combined_nce(terms, options)


def combined_nce(terms: Mapping[str, Tensor], options: CutOptions) -> Tensor:
    """Combine the unweighted NCE terms: nce, or half of the sum of nce and nce_idt."""
    if "nce_idt" not in terms:
        return terms["nce"]
    return (0.5 if options.nce_half_factor else 1.0) * (terms["nce"] + terms["nce_idt"])
