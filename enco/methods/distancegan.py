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
from enco.networks.domains import DOMAINS, OPPOSITE, Domain, direction_to
from enco.networks.generator import ResnetGenerator
from enco.networks.layers.init import init_affine_norms, init_weights
from enco.options.distancegan import INFO, DistanceGanOptions


class DistanceGan(Method):
    """DistanceGAN; networks, pools and terms of a direction are keyed by the domain that the direction ends in."""

    info = INFO
    options: DistanceGanOptions

    def __init__(self, options: DistanceGanOptions, schedule: Schedule, device: torch.device) -> None:
        super().__init__(options, schedule, device)
        domains: tuple[Domain, ...] = ("b", "a") if options.directions == "both" else ("b",)
        self.generators = {domain: make_generator(options) for domain in domains}
        self.discriminators = {domain: make_discriminator(options) for domain in domains}
        self.statistics: dict[str, Statistics] = {} if options.normalize else {d: Statistics() for d in DOMAINS}
        self.translators = tuple(f"generator_{direction_to(domain)}" for domain in domains)
        self.add_networks(**dict(zip(self.translators, self.generators.values(), strict=True)))
        self.add_networks(**{f"discriminator_{domain}": net for domain, net in self.discriminators.items()})
        self.add_pools(**{domain: ImagePool(options.pool_size) for domain in domains})

    def build_optimizers(self) -> dict[str, Optimizer]:
        optimizers = {f"discriminator_{d}": adam(net, lr=self.options.lr_d) for d, net in self.discriminators.items()}
        return {"generators": adam(*self.generators.values(), lr=self.options.lr_g), **optimizers}

    def lr_factor(self, epoch: int) -> float:
        """Return the factor of a decay that begins one epoch late: the original lowers the rate after an epoch."""
        n_const, n_decay = self.schedule.n_const, self.schedule.n_decay
        return replace(self.schedule, n_const=n_const + 1, n_decay=max(n_decay - 1, 0)).factor(epoch)

    @torch.no_grad()
    def calibrate(self, batches: Iterable[Batch]) -> None:
        """Measure both domains' distances between whole batches, in at most `max_items` batches.

        The batches are those of a training: the smaller folder repeats, trainB is drawn from with replacement, and
        both domains have equally many images. The original passes once through each domain, so the original's
        statistics differ. Raises UserError where distances in a domain do not differ.
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
        """Update the generators, then each discriminator on images of the generators before their update.

        Raises UserError where `calibrate` has not measured the statistics that normalise distances.
        """
        if not self.statistics:
            raise UserError(
                f"{self.info.label} has no statistics to normalise distances by: call calibrate(batches) first, or set "
                "the option 'normalize' to false."
            )
        real: dict[Domain, Tensor] = {"a": batch["source"], "b": batch["target"]}
        fake = {domain: generator(real[OPPOSITE[domain]]) for domain, generator in self.generators.items()}
        with frozen(*self.discriminators.values()):
            terms = self.generator_terms(real, fake)
        minimize(total_loss(terms, self.options), self.optimizers["generators"])
        for domain in fake:
            terms |= self.discriminator_terms(domain, real[domain], fake[domain])
        return terms

    def generator_terms(self, real: Mapping[Domain, Tensor], fake: Mapping[Domain, Tensor]) -> dict[str, Tensor]:
        """Return the unweighted adversarial and distance terms of the images generated for each domain."""
        terms = {}
        for domain, images in fake.items():
            source, way = OPPOSITE[domain], direction_to(domain)
            before, after = self.distances(real[source]), self.distances(images)
            distance = distance_loss(before, after, self.statistics[source], self.statistics[domain])
            terms[f"gan_{way}"] = generator_loss(self.discriminators[domain](images), self.options.gan_mode)
            terms[f"distance_{way}"] = distance
        return terms

    def discriminator_terms(self, domain: Domain, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Update a domain's discriminator on the pool's fakes; return both halves of the loss."""
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
        """Return the distances in a batch B x 3 x H x W that a translation should keep: here of all pairs."""
        return pair_distances(images)

    def item(self, images: Tensor) -> Tensor:
        """Return the part of one batch that statistics are measured on."""
        return images.clone()  # A copy, as the memory that a loader's workers share is scarce.

    def item_distances(self, items: Sequence[Tensor]) -> Tensor:
        """Return the distances that statistics are measured on: here between all pairs of batches, image by image."""
        return item_distances(items)

    def extra_state(self) -> dict[str, Any]:
        """Return the statistics, as far as measured."""
        return {domain: list(astuple(statistics)) for domain, statistics in self.statistics.items()}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restore the statistics."""
        self.statistics = {domain: Statistics(*numbers) for domain, numbers in state.items()}


def make_generator(options: DistanceGanOptions) -> ResnetGenerator:
    """Make and initialise one direction's generator; biases keep PyTorch's own initialisation."""
    generator = ResnetGenerator(options.ngf, options.n_blocks, "strided", affine=True, padding="zeros")
    return init_affine_norms(init_weights(generator, "normal", zero_biases=False))


def make_discriminator(options: DistanceGanOptions) -> PatchDiscriminator:
    """Make and initialise one domain's discriminator; biases keep PyTorch's own initialisation."""
    discriminator = PatchDiscriminator(options.ndf, antialiased=False, affine=True)
    return init_affine_norms(init_weights(discriminator, "normal", zero_biases=False))


def total_loss(terms: Mapping[str, Tensor], options: DistanceGanOptions) -> Tensor:
    """Return the generators' loss from the unweighted terms of one direction or of both."""
    ways = [way for way in map(direction_to, DOMAINS) if f"gan_{way}" in terms]
    return summed(terms[f"gan_{way}"] + options.lambda_distance * terms[f"distance_{way}"] for way in ways)
