"""FSeSim: keep a translation's self-similarity that of its source (Zheng et al. 2021, arXiv 2104.00854).

What is compared is not features but how alike they are between places of one image, which an image's structure decides
and its appearance does not. The features are those of a fixed VGG16; the paper's learned variant (LSeSim) is not here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor
from torch.optim import Optimizer

from enco.adversarial import update_discriminator
from enco.config import MethodOptions
from enco.losses import generator_loss
from enco.methods.base import Batch, Method, MethodInfo
from enco.networks.discriminator import cut_discriminator
from enco.networks.generator import cut_generator
from enco.networks.vgg import Vgg16, VggWeights, frozen_vgg
from enco.optim import adam, frozen, minimize
from enco.pool import ImagePool
from enco.precision import in_float32
from enco.sampling import gather_cells, map_size, uniform_positions
from enco.schedule import Schedule

VggLayer = Annotated[int, Field(ge=0, le=12)]
SATURATION = 10.0
"""Products of features from which on the similarity levels off."""
KEPT = 4
"""One key of so many is compared."""


class FSeSimOptions(MethodOptions):
    """FSeSim's settings; the defaults are those of its code and of its published command."""

    jitter_in_decay: bool = Field(True, description="Keep resizing to load_size and cropping in the decay half.")
    vgg: VggWeights = Field(
        "imagenet",
        description="Weights of the VGG16 that gives the features. imagenet: vgg16-397923af.pth, from the folder "
        "hub/checkpoints of torch's cache ($TORCH_HOME, by default ~/.cache/torch) or downloaded to there; random: "
        "always the same random ones, not the paper's.",
    )
    vgg_width: float = Field(
        1.0, gt=0, le=1, description="Width of a random VGG16, to save time at small scales; 1 is the paper's."
    )
    attn_layers: tuple[VggLayer, ...] = Field(
        (4, 7, 9), min_length=1, description="ReLUs of VGG16 that are compared, from 0 (relu1_1) to 12 (relu5_3)."
    )
    patches: int = Field(256, ge=1, description="Positions sampled from each feature map.")
    patch_size: int = Field(
        64, ge=2, description="Side of the window of keys around a position; on a map that is no larger, all are keys."
    )
    use_norm: bool = Field(
        False, description="Cosine similarity and plain distances; else tanh of scaled products and smooth distances."
    )
    sim_loss: Literal["cos", "l1"] = Field("cos", description="Distance of two similarity maps: by angle or by entry.")
    mask_quarter: bool = Field(True, description="Compare only the quarter of keys most alike in the translation.")
    pool_size: int = Field(50, ge=0, description="Generated images kept for the discriminator.")
    lambda_spatial: float = Field(10.0, ge=0, description="Weight of the self-similarity loss.")
    lr_g: float = Field(1e-4, gt=0, description="Learning rate of the generator.")
    lr_d: float = Field(1e-4, gt=0, description="Learning rate of the discriminator.")

    @classmethod
    def stand_ins(cls, size: int) -> dict[str, Any]:
        """Random features in place of downloaded ones."""
        return {"vgg": "random"}

    @model_validator(mode="after")
    def _width_of_random(self) -> FSeSimOptions:
        if self.vgg == "imagenet" and self.vgg_width != 1:
            raise ValueError(f"vgg_width {self.vgg_width} needs vgg random: ImageNet weights have width 1")
        return self


class FSeSim(Method):
    """Features of source and translation should be alike and unlike at the same pairs of places."""

    info = MethodInfo("fsesim", "FSeSim", "arXiv 2104.00854", 2021, two_sided=False)
    Options = FSeSimOptions
    options: FSeSimOptions

    def __init__(self, options: FSeSimOptions, schedule: Schedule, device: torch.device) -> None:
        super().__init__(options, schedule, device)
        self.generator, self.discriminator = cut_generator(options), cut_discriminator(options)
        self.add_networks(generator=self.generator, discriminator=self.discriminator)
        self.pool = ImagePool(options.pool_size)

    @cached_property
    def vgg(self) -> Vgg16:
        """The feature network, had at first use: translating needs none. UserError if its weights cannot be had."""
        return frozen_vgg(self.options.vgg, self.options.vgg_width, self.device)

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Get the VGG, so that its weights are not missed later than before training."""
        _ = self.vgg

    def build_optimizers(self) -> dict[str, Optimizer]:
        return {
            "generator": adam(self.generator, lr=self.options.lr_g),
            "discriminator": adam(self.discriminator, lr=self.options.lr_d),
        }

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Update the discriminator on the pool's images, then the generator; terms d_real, d_fake, gan_g, spatial."""
        fake = self.generator(batch["source"])
        pooled = self.pool.query(fake.detach())
        d_terms = update_discriminator(
            self.discriminator, self.optimizers["discriminator"], batch["target"], pooled, self.options.gan_mode
        )
        with frozen(self.discriminator):
            g_terms = self.generator_terms(batch["source"], fake)
        minimize(total_loss(g_terms, self.options), self.optimizers["generator"])
        return {name: term.detach() for name, term in (d_terms | g_terms).items()}

    def generator_terms(self, source: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Adversarial and self-similarity terms, unweighted."""
        return {
            "gan_g": generator_loss(self.discriminator(fake), self.options.gan_mode),
            "spatial": self.spatial_loss(source, fake),
        }

    def spatial_loss(self, source: Tensor, fake: Tensor) -> Tensor:
        """Mean distance of the images' self-similarities over layers; each layer draws its positions anew."""
        layers = self.options.attn_layers
        with torch.no_grad():
            wanted = self.vgg.features(source, layers)
        pairs = zip(wanted, self.vgg.features(fake, layers), strict=True)
        return torch.stack([layer_loss(*pair, self.options) for pair in pairs]).mean()

    def extra_state(self) -> dict[str, Any]:
        """The image pool."""
        return {"pool": self.pool.state()}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Take back the image pool."""
        self.pool.load(state["pool"], self.device)


@in_float32
def layer_loss(source: Tensor, fake: Tensor, options: FSeSimOptions) -> Tensor:
    """Distance of the self-similarities of two B x C x H x W features, at the same positions in both and all images."""
    height, width = map_size(source)
    positions = uniform_positions(height * width, options.patches)
    wanted, found = (self_similarity(f, positions, options.patch_size, options.use_norm) for f in (source, fake))
    return similarity_distance(wanted, found, options)


def self_similarity(features: Tensor, positions: Tensor, patch_size: int, use_norm: bool) -> Tensor:
    """How alike the features at P positions are to those around them: B x C x H x W to B x P x N.

    N is patch_size squared, or all H*W where the map is not larger than that on both sides. Features are first centred
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
    """The cells of a window around each of P positions on a map of `size` (H, W), moved inside it: P x side^2."""
    height, width = size
    top = (positions // width - side // 2).clamp(0, height - side)
    left = (positions % width - side // 2).clamp(0, width - side)
    steps = torch.arange(side, device=positions.device)
    rows, columns = top[:, None] + steps, left[:, None] + steps
    return (rows[:, :, None] * width + columns[:, None, :]).flatten(1)


def similarity_distance(source: Tensor, fake: Tensor, options: FSeSimOptions) -> Tensor:
    """Mean distance of two B x P x N similarity maps; the gradient is not that of choosing which keys count.

    Distances are L1 with `use_norm`, else smooth L1: of entries (`l1`), or of the rows' cosine and 1 (`cos`).
    """
    scale = 1.0
    if options.mask_quarter:
        quarter = source.shape[2] // KEPT
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
    """The generator's loss from its unweighted terms gan_g and spatial."""
    return terms["gan_g"] + options.lambda_spatial * terms["spatial"]
