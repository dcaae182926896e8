"""NEGCUT: CUT, but its negatives are generated, hard ones (Wang et al. 2021, arXiv 2108.04547).

A query meets its positive and what a network makes of the source and noise, instead of other patches. That network
maximises the loss that generator and heads minimise.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from enco.data.batch import Batch
from enco.losses.contrast import sampled_cells
from enco.losses.terms import l1
from enco.methods.cut import Cut, combined_nce
from enco.methods.parts.optim import adam, frozen, minimize
from enco.methods.parts.schedule import Schedule
from enco.networks.discriminator import cut_discriminator
from enco.networks.generator import Features
from enco.networks.global_discriminator import GlobalDiscriminator
from enco.networks.layers.init import init_weights
from enco.networks.negatives import NegativeGenerator, mean_embedding
from enco.options.negcut import INFO, NegCutOptions
from enco.runtime.precision import in_float32


class NegCut(Cut):
    """CUT with generated negatives. They start from what `momentum_heads`, a moving average of the heads, embed."""

    info = INFO
    options: NegCutOptions

    def __init__(self, options: NegCutOptions, schedule: Schedule, device: torch.device) -> None:
        super().__init__(options, schedule, device)
        networks = nn.ModuleList(NegativeGenerator(options.head_width, options.noise_dim) for _ in options.layers)
        self.negative_generator = init_weights(networks, "xavier", options.neg_init_gain)
        average = deepcopy(self.heads)
        self.momentum_heads = average if options.ema_init == "copy" else init_weights(average, "xavier")
        self.momentum_heads.requires_grad_(False)
        self.add_networks(negative_generator=self.negative_generator, momentum_heads=self.momentum_heads)

    def make_discriminator(self) -> nn.Module:
        """CUT's discriminator or the global one, initialised."""
        if self.options.discriminator == "patch":
            return cut_discriminator(self.options)
        return init_weights(GlobalDiscriminator(self.options.ndf, self.options.halvings), "xavier")

    def build_optimizers(self) -> dict[str, Optimizer]:
        return super().build_optimizers() | {"negative_generator": adam(self.negative_generator, lr=self.options.lr_n)}

    @property
    def keys_detached(self) -> bool:
        """By default the source's encoding gets a gradient: through the negatives, never through the positive."""
        return self.options.detach_negatives

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Update discriminator, negative generator, generator with heads, and the heads' moving average.

        Terms are CUT's, and n_nce, n_nce_idt and n_diversity of the negative generator's own step.
        """
        inputs, output, features = self.forward(batch)
        d_terms = self.update_discriminator(batch, output)
        n_terms = self.update_negatives(inputs, output, features)
        with frozen(self.negative_generator):
            g_terms = self.update_generator(inputs, output, features)
        move_average(self.momentum_heads, self.heads, self.options.ema_decay)
        n_terms = {f"n_{name}": term for name, term in n_terms.items()}
        return d_terms | n_terms | g_terms

    def update_negatives(self, inputs: list[Tensor], output: Tensor, features: Features) -> dict[str, Tensor]:
        """One step towards negatives that are harder and more diverse; returns its unweighted terms."""
        features = {tap: feature.detach() for tap, feature in features.items()}
        with frozen(self.generator, self.heads, self.discriminator):
            terms = self.negative_terms(inputs, output.detach(), features)
        minimize(negative_loss(terms, self.options), self.optimizers["negative_generator"])
        return terms

    def negative_terms(self, inputs: list[Tensor], output: Tensor, features: Features) -> dict[str, Tensor]:
        """NCE of each input with its translation, and the mean diversity over layers, unweighted."""
        outputs = torch.split(output, [len(images) for images in inputs])
        scores = [self.scores_of(translated) for translated in outputs]
        terms, diversities = {}, []
        for name, keys, queries, judged in self.contrasts(inputs, outputs, features, scores):
            negatives = self.negatives_of(keys)
            terms[name] = self.nce_against(negatives, keys, queries, judged)
            diversities.append(torch.stack([diversity(made) for made in negatives]).mean())
        counted = diversities if self.options.ms_on == "both" else diversities[-1:]
        return terms | {"diversity": torch.stack(counted).mean()}

    def nce(self, keys: Features, queries: Features, scores: Tensor | None = None) -> Tensor:
        """Mean loss over layers and positions against freshly generated negatives."""
        return self.nce_against(self.negatives_of(keys), keys, queries, scores)

    def nce_against(
        self, negatives: list[Tensor], keys: Features, queries: Features, scores: Tensor | None = None
    ) -> Tensor:
        """The same against given negatives, one set for each tap; each tap draws its positions anew."""
        losses = []
        for tap, head, made in zip(self.options.layers, self.heads, negatives, strict=True):
            key, query = sampled_cells(keys[tap], queries[tap], self.options, scores)
            losses.append(negcut_nce(head(query), head(key).detach(), made, self.options.tau).mean())
        return torch.stack(losses).mean()

    def negatives_of(self, keys: Features) -> list[Tensor]:
        """Negatives for each tap, B x patches x width, from new noise and the momentum heads' view of all cells."""
        networks = zip(self.options.layers, self.momentum_heads, self.negative_generator, strict=True)
        return [make(mean_embedding(head, keys[tap]), self.options.patches) for tap, head, make in networks]


@in_float32
def negcut_nce(queries: Tensor, keys: Tensor, negatives: Tensor, tau: float) -> Tensor:
    """Loss of each of B x P x D unit queries: its key against its image's N negatives, B x N x D; to B x P losses.

    Cross-entropy over 1 + N logits, without a diagonal. Nothing is detached here.
    """
    positives = (queries * keys).sum(-1, keepdim=True)
    logits = torch.cat([positives, queries @ negatives.mT], dim=-1) / tau
    first = torch.zeros(logits.shape[:2], dtype=torch.long, device=logits.device)
    return F.cross_entropy(logits.mT, first, reduction="none")


def negative_loss(terms: Mapping[str, Tensor], options: NegCutOptions) -> Tensor:
    """The negative generator's loss from its unweighted terms: nce, diversity and, with identity NCE, nce_idt."""
    return options.lambda_ms * terms["diversity"] - options.lambda_nce * combined_nce(terms, options)


def diversity(negatives: Tensor) -> Tensor:
    """Minus the mean distance between the two halves of each image's negatives, B x N x D: 0 if they are equal."""
    half = negatives.shape[1] // 2
    return -l1(negatives[:, :half], negatives[:, half : 2 * half])


@torch.no_grad()
def move_average(average: nn.Module, current: nn.Module, decay: float) -> None:
    """Move every weight of `average` the share 1 - decay of the way to that of `current`."""
    for mean, weight in zip(average.parameters(), current.parameters(), strict=True):
        mean.lerp_(weight, 1 - decay)
