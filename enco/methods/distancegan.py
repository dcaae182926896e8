"""DistanceGAN: images far from each other should be so after translating (Benaim and Wolf 2017, arXiv 1706.00826).

Both directions are trained side by side and share nothing; source is domain A.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from enco.data.batch import Batch
from enco.errors import UserError
from enco.losses.distance import Statistics, distance_loss, item_distances, pair_distances
from enco.losses.terms import generator_loss, summed
from enco.methods.base import Method
from enco.methods.parts.adversarial import update_discriminator
from enco.methods.parts.optim import adam, frozen, minimize
from enco.methods.parts.pool import ImagePool
from enco.methods.parts.schedule import Schedule
from enco.networks.discriminator import PatchDiscriminator
from enco.networks.generator import ResnetGenerator
from enco.networks.layers.init import init_affine_norms, init_weights
from enco.options.distancegan import INFO, DistanceGanOptions

OTHER = {"a": "b", "b": "a"}
"""The domain that each is translated from."""


class DistanceGan(Method):
    """Each direction keeps the distances between the images of a batch; all is keyed by the domain translated to."""

    info = INFO
    options: DistanceGanOptions

    def __init__(self, options: DistanceGanOptions, schedule: Schedule, device: torch.device) -> None:
        super().__init__(options, schedule, device)
        domains = ("b", "a") if options.directions == "both" else ("b",)
        self.generators = {domain: make_generator(options) for domain in domains}
        self.discriminators = {domain: make_discriminator(options) for domain in domains}
        self.statistics: dict[str, Statistics] = {} if options.normalize else dict.fromkeys(OTHER, Statistics())
        self.translators = tuple(f"generator_{way(domain)}" for domain in domains)
        self.add_networks(**dict(zip(self.translators, self.generators.values(), strict=True)))
        self.add_networks(**{f"discriminator_{domain}": net for domain, net in self.discriminators.items()})
        self.add_pools(**{domain: ImagePool(options.pool_size) for domain in domains})

    def build_optimizers(self) -> dict[str, Optimizer]:
        optimizers = {f"discriminator_{d}": adam(net, lr=self.options.lr_d) for d, net in self.discriminators.items()}
        return {"generators": adam(*self.generators.values(), lr=self.options.lr_g), **optimizers}

    def lr_factor(self, epoch: int) -> float:
        """The decay begins one epoch late and ends where it would, as the original lowers the rate after an epoch."""
        n_const, n_decay = self.schedule.n_const, self.schedule.n_decay
        return replace(self.schedule, n_const=n_const + 1, n_decay=max(n_decay - 1, 0)).factor(epoch)

    @torch.no_grad()
    def calibrate(self, batches: Iterable[Batch]) -> None:
        """Measure both domains' distances between whole batches, once, in at most `max_items` of them.

        The batches are those of a training: the smaller folder repeats, trainB is drawn from with replacement, and
        both domains have as many; the original passes once through each domain, so its numbers differ.
        Raises UserError where distances in a domain do not differ.
        """
        if self.options.normalize:
            items = [
                {"a": self.item(batch["source"]), "b": self.item(batch["target"])}
                for batch in islice(batches, self.options.max_items)
            ]
            self.statistics = {
                domain: Statistics.of(self.item_distances([item[domain] for item in items]), name)
                for domain, name in (("a", "source"), ("b", "target"))
            }

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Update the generators, then each discriminator on the images made before that.

        Raises UserError where `calibrate` has not measured what distances are normalised by.
        """
        if not self.statistics:
            raise UserError(
                f"{self.info.label} has no statistics to normalise distances by: call calibrate(batches) first, or set "
                "the option 'normalize' to false."
            )
        real = {"a": batch["source"], "b": batch["target"]}
        fake = {domain: generator(real[OTHER[domain]]) for domain, generator in self.generators.items()}
        with frozen(*self.discriminators.values()):
            terms = self.generator_terms(real, fake)
        minimize(total_loss(terms, self.options), self.optimizers["generators"])
        for domain in fake:
            terms |= self.discriminator_terms(domain, real[domain], fake[domain])
        return terms

    def generator_terms(self, real: Mapping[str, Tensor], fake: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Adversarial and distance terms, unweighted, of the images made for each domain."""
        terms = {}
        for domain, images in fake.items():
            source = OTHER[domain]
            before, after = self.distances(real[source]), self.distances(images)
            distance = distance_loss(before, after, self.statistics[source], self.statistics[domain])
            terms[f"gan_{way(domain)}"] = generator_loss(self.discriminators[domain](images), self.options.gan_mode)
            terms[f"distance_{way(domain)}"] = distance
        return terms

    def discriminator_terms(self, domain: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Update a domain's discriminator, with the pool's images for fakes; both halves of its loss."""
        pooled = self.pools[domain].query(fake.detach())
        terms = update_discriminator(
            self.discriminators[domain],
            self.optimizers[f"discriminator_{domain}"],
            real,
            pooled,
            self.options.gan_mode,
        )
        return {f"d_{domain}_real": terms["d_real"], f"d_{domain}_fake": terms["d_fake"]}

    def distances(self, images: Tensor) -> Tensor:
        """The distances in a training batch B x 3 x H x W that translating should keep: here of all pairs."""
        return pair_distances(images)

    def item(self, images: Tensor) -> Tensor:
        """What the statistics need of one batch."""
        return images.clone()  # A copy, as the memory that a loader's workers share is scarce.

    def item_distances(self, items: Sequence[Tensor]) -> Tensor:
        """The distances that the statistics are of: here between all pairs of batches, image by image."""
        return item_distances(items)

    def extra_state(self) -> dict[str, Any]:
        """Return the statistics, as far as measured."""
        return {domain: list(astuple(statistics)) for domain, statistics in self.statistics.items()}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restore the statistics."""
        self.statistics = {domain: Statistics(*numbers) for domain, numbers in state.items()}


def way(domain: str) -> str:
    """The name of the direction that ends in this domain: `ab` or `ba`."""
    return OTHER[domain] + domain


def make_generator(options: DistanceGanOptions) -> ResnetGenerator:
    """One direction's generator, initialised; biases keep PyTorch's own initialisation."""
    generator = ResnetGenerator(options.ngf, options.n_blocks, "strided", affine=True, padding="zeros")
    return init_affine_norms(init_weights(generator, "normal", zero_biases=False))


def make_discriminator(options: DistanceGanOptions) -> PatchDiscriminator:
    """One domain's discriminator, initialised likewise."""
    discriminator = PatchDiscriminator(options.ndf, antialiased=False, affine=True)
    return init_affine_norms(init_weights(discriminator, "normal", zero_biases=False))


def total_loss(terms: Mapping[str, Tensor], options: DistanceGanOptions) -> Tensor:
    """The generators' loss from the unweighted terms of one direction or of both."""
    ways = [way(domain) for domain in OTHER if f"gan_{way(domain)}" in terms]
    return summed(terms[f"gan_{ab}"] + options.lambda_distance * terms[f"distance_{ab}"] for ab in ways)
