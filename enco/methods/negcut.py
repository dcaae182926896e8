"""NEGCUT: CUT with generated, hard negatives (Wang et al. 2021, arXiv 2108.04547).

The negatives of a query are not other patches, but the outputs of a network for the source and noise. That network
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
    """CUT with negatives generated from embeddings by `momentum_heads`, a moving average of the heads."""

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
        """Make and initialise CUT's discriminator or the global discriminator."""
        if self.options.discriminator == "patch":
            return cut_discriminator(self.options)
        return init_weights(GlobalDiscriminator(self.options.ndf, self.options.halvings), "xavier")

    def build_optimizers(self) -> dict[str, Optimizer]:
        return super().build_optimizers() | {"negative_generator": adam(self.negative_generator, lr=self.options.lr_n)}

    @property
    def keys_detached(self) -> bool:
        """Whether the source's encoding gets no gradient; by default there is one, through the negatives alone."""
        return self.options.detach_negatives

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Update discriminator, negative generator, generator with heads, and the heads' moving average.

        Terms are CUT's, and n_nce, n_nce_idt and n_diversity of the negative generator's own update.
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
        """Update the negative generator towards harder and more diverse negatives; return the unweighted terms."""
        features = {layer: feature.detach() for layer, feature in features.items()}
        with frozen(self.generator, self.heads, self.discriminator):
            terms = self.negative_terms(inputs, output.detach(), features)
        minimize(negative_loss(terms, self.options), self.optimizers["negative_generator"])
        return terms

    def negative_terms(self, inputs: list[Tensor], output: Tensor, features: Features) -> dict[str, Tensor]:
        """Return the NCE of each input with the input's translation, and the mean diversity over layers, unweighted."""
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
        """Return the mean loss over layers and positions against freshly generated negatives."""
        return self.nce_against(self.negatives_of(keys), keys, queries, scores)

    def nce_against(
        self, negatives: list[Tensor], keys: Features, queries: Features, scores: Tensor | None = None
    ) -> Tensor:
        """Return the mean loss over layers and positions against negatives B x N x width, one tensor for each layer."""
        losses = []
        for layer, head, made in zip(self.options.layers, self.heads, negatives, strict=True):
            key, query = sampled_cells(keys[layer], queries[layer], self.options, scores)
            losses.append(negcut_nce(head(query), head(key).detach(), made, self.options.tau).mean())
        return torch.stack(losses).mean()

    def negatives_of(self, keys: Features) -> list[Tensor]:
        """Generate negatives for each layer, B x patches x width, from new noise and the momentum heads' embeddings."""
        networks = zip(self.options.layers, self.momentum_heads, self.negative_generator, strict=True)
        return [make(mean_embedding(head, keys[layer]), self.options.patches) for layer, head, make in networks]


@in_float32
def negcut_nce(queries: Tensor, keys: Tensor, negatives: Tensor, tau: float) -> Tensor:
    """Return the losses B x P of unit queries B x P x D, each with a key, against an image's negatives B x N x D.

    Cross-entropy over 1 + N logits, without a diagonal. Nothing is detached here.
    """
    positives = (queries * keys).sum(-1, keepdim=True)
    logits = torch.cat([positives, queries @ negatives.mT], dim=-1) / tau
    first = torch.zeros(logits.shape[:2], dtype=torch.long, device=logits.device)
    return F.cross_entropy(logits.mT, first, reduction="none")


def negative_loss(terms: Mapping[str, Tensor], options: NegCutOptions) -> Tensor:
    """Return the negative generator's loss from unweighted terms: nce, diversity and, with identity NCE, nce_idt."""
    return options.lambda_ms * terms["diversity"] - options.lambda_nce * combined_nce(terms, options)


def diversity(negatives: Tensor) -> Tensor:
    """Return minus the mean distance between the halves of each image's negatives, B x N x D: 0 for equal halves."""
    half = negatives.shape[1] // 2
    return -l1(negatives[:, :half], negatives[:, half : 2 * half])


@torch.no_grad()
def move_average(average: nn.Module, current: nn.Module, decay: float) -> None:
    """Move every weight of `average` by the share 1 - decay towards the weight of `current`."""
    for mean, weight in zip(average.parameters(), current.parameters(), strict=True):
        mean.lerp_(weight, 1 - decay)
