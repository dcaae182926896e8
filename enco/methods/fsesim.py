"""FSeSim: keep a translation's self-similarity that of its source (Zheng et al. 2021, arXiv 2104.00854).

An image's self-similarity says how alike features are between positions of one image: the image's structure decides
it, not the appearance. The features are those of a fixed VGG16; the paper's learned variant (LSeSim) is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer

from enco.data.batch import Batch
from enco.losses.sampling import uniform_positions
from enco.losses.terms import generator_loss
from enco.methods.base import Method
from enco.methods.parts.adversarial import update_discriminator
from enco.methods.parts.optim import adam, frozen, minimize
from enco.methods.parts.pool import ImagePool
from enco.methods.parts.schedule import Schedule
from enco.networks.discriminator import cut_discriminator
from enco.networks.features import gather_cells, map_size
from enco.networks.generator import cut_generator
from enco.networks.vgg import Vgg16, frozen_vgg
from enco.options.fsesim import INFO, FSeSimOptions
from enco.runtime.precision import in_float32

SATURATION = 10.0
"""Products of features from which on the similarity levels off."""
MASKING_RATIO = 4
"""Number of keys for each key that masking leaves."""


class FSeSim(Method):
    """FSeSim: a generator whose translations are alike at the same pairs of positions as their sources."""

    info = INFO
    options: FSeSimOptions

    def __init__(self, options: FSeSimOptions, schedule: Schedule, device: torch.device) -> None:
        super().__init__(options, schedule, device)
        self.generator, self.discriminator = cut_generator(options), cut_discriminator(options)
        self.add_networks(generator=self.generator, discriminator=self.discriminator)
        self.pool = ImagePool(options.pool_size)
        self.add_pools(fake=self.pool)

    @cached_property
    def vgg(self) -> Vgg16:
        """The feature network, loaded at first use; UserError where the weights cannot be had."""
        return frozen_vgg(self.options.vgg, self.options.vgg_width, self.device)

    def calibrate(self, batches: Iterable[Batch]) -> None:
        """Load the VGG16, so that missing weights are an error before training and not in the first step."""
        _ = self.vgg

    def build_optimizers(self) -> dict[str, Optimizer]:
        return {
            "generator": adam(self.generator, lr=self.options.lr_g),
            "discriminator": adam(self.discriminator, lr=self.options.lr_d),
        }

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Update the discriminator on the pool's images, then the generator; terms d_real, d_fake, gan_g, spatial."""
        fake = self.generator(batch["source"])
        pooled = self.pool.query(fake.detach())
        d_terms = update_discriminator(
            self.discriminator, self.optimizers["discriminator"], batch["target"], pooled, self.options.gan_mode
        )
        with frozen(self.discriminator):
            g_terms = self.generator_terms(batch["source"], fake)
        minimize(total_loss(g_terms, self.options), self.optimizers["generator"])
        return d_terms | g_terms

    def generator_terms(self, source: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Return the adversarial and self-similarity terms, unweighted."""
        return {
            "gan_g": generator_loss(self.discriminator(fake), self.options.gan_mode),
            "spatial": self.spatial_loss(source, fake),
        }

    def spatial_loss(self, source: Tensor, fake: Tensor) -> Tensor:
        """Return the mean distance of the images' self-similarities over layers; each layer draws positions anew."""
        layers = self.options.attn_layers
        with torch.no_grad():
            wanted = self.vgg.features(source, layers)
        pairs = zip(wanted, self.vgg.features(fake, layers), strict=True)
        return torch.stack([layer_loss(*pair, self.options) for pair in pairs]).mean()


@in_float32
def layer_loss(source: Tensor, fake: Tensor, options: FSeSimOptions) -> Tensor:
    """Return the distance of two B x C x H x W features' self-similarities, at the same positions in all images."""
    height, width = map_size(source)
    positions = uniform_positions(height * width, options.patches)
    wanted, found = (self_similarity(f, positions, options.patch_size, options.use_norm) for f in (source, fake))
    return similarity_distance(wanted, found, options)


def self_similarity(features: Tensor, positions: Tensor, patch_size: int, use_norm: bool) -> Tensor:
    """Compare the features at P positions with those in a window around each: B x C x H x W to B x P x N.

    N is patch_size squared, or all H*W where a side of the map is no larger than patch_size. Features are first centred
    on each channel's mean. With `use_norm` similarity is the cosine, else tanh of the mean product over channels / 10.
    """
    centred = features - features.mean((2, 3), keepdim=True)
    scaled = F.normalize(centred) if use_norm else centred / math.sqrt(features.shape[1])
    queries = gather_cells(scaled, positions)
    if min(map_size(features)) > patch_size:
        windows = window_cells(positions, map_size(features), patch_size)
        keys = gather_cells(scaled, windows.flatten()).reshape(*queries.shape[:2], -1, queries.shape[2])
        products = (keys @ queries[..., None]).squeeze(-1)
    else:
        products = queries @ scaled.flatten(2)
    return products if use_norm else torch.tanh(products / SATURATION)


def window_cells(positions: Tensor, size: tuple[int, int], side: int) -> Tensor:
    """Return the cells of a window around each of P positions, moved inside a map of `size` (H, W): P x side^2."""
    height, width = size
    top = (positions // width - side // 2).clamp(0, height - side)
    left = (positions % width - side // 2).clamp(0, width - side)
    steps = torch.arange(side, device=positions.device)
    rows, columns = top[:, None] + steps, left[:, None] + steps
    return (rows[:, :, None] * width + columns[:, None, :]).flatten(1)


def similarity_distance(source: Tensor, fake: Tensor, options: FSeSimOptions) -> Tensor:
    """Return the mean distance of two B x P x N similarity maps; the choice of keys that count has no gradient.

    Distances are L1 with `use_norm`, else smooth L1: of entries (`l1`), or of the rows' cosine and 1 (`cos`).
    """
    scale = 1.0
    if options.mask_quarter:
        quarter = source.shape[2] // MASKING_RATIO
        # One more than a quarter survives, as in the original code.
        survives = fake >= fake.detach().topk(quarter + 1).values[..., -1:]
        source, fake = source * survives, fake * survives
        scale = source.shape[2] / max(quarter, 1)
    distance = F.l1_loss if options.use_norm else F.smooth_l1_loss
    if options.sim_loss == "l1":
        return distance(scale * fake, scale * source)
    cosine = F.cosine_similarity(source, fake, dim=-1)
    return distance(cosine, torch.ones_like(cosine))


def total_loss(terms: Mapping[str, Tensor], options: FSeSimOptions) -> Tensor:
    """Return the generator's loss from the unweighted terms gan_g and spatial."""
    return terms["gan_g"] + options.lambda_spatial * terms["spatial"]
