"""EnCo: contrast encoder and decoder features of one generator pass (Cai et al. 2022, arXiv 2211.10867).

A pair of feature maps, one from the encoder half and its mirror from the decoder half, has the same size. A decoder
cell (query) should resemble the encoder cell at its own position (key, positive) more than those elsewhere.
The AAAI 2024 version (`content_loss=cosine`) replaces the contrast by a predictor and a cosine distance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from enco.data.batch import Batch
from enco.errors import UserError
from enco.losses.sampling import dag_positions, resize_scores
from enco.losses.terms import cosine_distance, generator_loss, l1, patch_nce
from enco.methods.base import Method
from enco.methods.parts.adversarial import update_discriminator
from enco.methods.parts.optim import adam, frozen, minimize
from enco.methods.parts.schedule import Schedule
from enco.networks.discriminator import cut_discriminator
from enco.networks.features import gather_cells, map_size
from enco.networks.generator import Features, ResnetGenerator, cut_generator, feature_shapes
from enco.networks.heads import PairHead, ProjectionHead, batchnorm_projector, bottleneck_predictor
from enco.networks.layers.init import init_weights
from enco.options.enco import INFO, EnCoOptions


class EnCo(Method):
    """EnCo: one generator pass gives the translation, the keys and the queries."""

    info = INFO
    options: EnCoOptions

    def __init__(self, options: EnCoOptions, schedule: Schedule, device: torch.device) -> None:
        super().__init__(options, schedule, device)
        self.generator, self.discriminator = cut_generator(options), cut_discriminator(options)
        channels = pair_channels(self.generator, options.pairs, options.crop_size)
        self.heads = init_weights(nn.ModuleList(make_head(c, options) for c in channels), "xavier")
        self.add_networks(generator=self.generator, discriminator=self.discriminator, heads=self.heads)

    def build_optimizers(self) -> dict[str, Optimizer]:
        return {
            "generator": adam(self.generator, lr=self.options.lr_g),
            "discriminator": adam(self.discriminator, lr=self.options.lr_d),
            "heads": adam(self.heads, lr=self.options.lr_f),
        }

    @property
    def identity_is_on(self) -> bool:
        """Whether this epoch has an identity loss: by default in the constant-rate half."""
        stop = self.options.idt_stop_epoch
        last = self.schedule.n_const if stop is None else stop
        return self.epoch <= last and self.options.lambda_idt > 0

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Update the discriminator, then generator and heads; terms d_real, d_fake, gan_g, nce and, while on, idt."""
        fake, identity, features = self.forward(batch["source"], batch["target"])
        d_terms = update_discriminator(
            self.discriminator, self.optimizers["discriminator"], batch["target"], fake, self.options.gan_mode
        )
        with frozen(self.discriminator):
            g_terms = self.generator_terms(fake, features, identity, batch["target"])
        minimize(total_loss(g_terms, self.options), self.optimizers["generator"], self.optimizers["heads"])
        return d_terms | g_terms

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None, Features]:
        """Return G(source), G(target) while identity is on, and the features of the pass on the source."""
        layers = {layer for pair in self.options.pairs for layer in pair}
        images = torch.cat([source, target]) if self.identity_is_on else source
        output, features = self.generator.forward_features(images, layers)
        n = len(source)
        features = {layer: feature[:n] for layer, feature in features.items()}
        if 0 in features:
            features[0] = source  # EnCo's layer 0 is the image itself, not the padded one.
        return output[:n], output[n:] if self.identity_is_on else None, features

    def generator_terms(
        self, fake: Tensor, features: Features, identity: Tensor | None, target: Tensor
    ) -> dict[str, Tensor]:
        """Return the adversarial, content (mean over pairs) and identity terms, unweighted."""
        scores = self.discriminator(fake)
        terms = {"gan_g": generator_loss(scores, self.options.gan_mode)}
        if self.options.lambda_nce > 0:
            pairs = zip(self.options.pairs, self.heads, strict=True)
            losses = [self.pair_loss(features[key], features[query], scores, head) for (key, query), head in pairs]
            terms["nce"] = torch.stack(losses).mean()
        if identity is not None:
            terms["idt"] = l1(identity, target)
        return terms

    def pair_loss(self, keys: Tensor, queries: Tensor, scores: Tensor, head: Any) -> Tensor:
        """Return the mean content loss of one pair of B x C x H x W features at freshly sampled positions."""
        opt = self.options
        # At k = 1 DAG is uniform, with draws for each image of its own, as in the paper's code.
        positions = dag_positions(resize_scores(scores, map_size(keys)), opt.patches, opt.k, opt.beta, opt.dag_rest)
        key_cells = gather_cells(keys.detach() if opt.key_detach == "feature" else keys, positions)
        # Heads with batch norm take rows, so images are stacked.
        with torch.set_grad_enabled(opt.key_detach != "embedding" and torch.is_grad_enabled()):
            key = head.key(key_cells.flatten(0, 1)).view(*positions.shape, -1)
        query = head.query(gather_cells(queries, positions).flatten(0, 1)).view(*positions.shape, -1)
        if opt.content_loss == "cosine":
            return cosine_distance(query, key).mean()
        return patch_nce(query, key, opt.tau, opt.nce_diag).mean()


def total_loss(terms: Mapping[str, Tensor], options: EnCoOptions) -> Tensor:
    """Return the generator's loss from unweighted terms: gan_g, nce (mean over pairs) and, while identity is on, idt.

    By default as in the code behind the paper's numbers: the sum over pairs is divided by the number of layers, and
    content and identity are halved while identity is on, so the weight of content doubles when identity ends.
    """
    scale = {"layers": 0.5, "pairs": 1.0, "sum": float(len(options.pairs))}[options.nce_reduction]
    regularizers = torch.zeros_like(terms["gan_g"])
    if "nce" in terms:
        regularizers = options.lambda_nce * scale * terms["nce"]
    if "idt" in terms:
        regularizers = (0.5 if options.half_factor else 1.0) * (regularizers + options.lambda_idt * terms["idt"])
    return terms["gan_g"] + regularizers


def make_head(channels: int, options: EnCoOptions) -> PairHead:
    """Make the head of one pair of features with this many channels."""
    width, shared = options.head_width, options.heads == "shared"
    if options.content_loss == "cosine":
        return PairHead(lambda: batchnorm_projector(channels, width), shared, bottleneck_predictor(width))
    return PairHead(lambda: ProjectionHead(channels, width), shared)


def pair_channels(generator: ResnetGenerator, pairs: tuple[tuple[int, int], ...], size: int) -> list[int]:
    """Return the channels of each pair's features for images of `size` squared.

    Raises UserError where a layer does not exist or the two features of a pair differ in shape.
    """
    shapes = feature_shapes(generator, {layer for pair in pairs for layer in pair}, size)
    if 0 in shapes:
        shapes[0] = (3, size, size)
    for key, query in pairs:
        if shapes[key] != shapes[query]:
            raise UserError(
                f"EnCo cannot pair modules {key} and {query}: their features (C, H, W) are {shapes[key]} and "
                f"{shapes[query]} with crop_size {size}, so choose two of equal shape in 'pairs'."
            )
    return [shapes[key][0] for key, _ in pairs]
