"""Every metric that features and translations tell, with its sampling uncertainty."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from enco.errors import UserError
from eval.config import REPLICATES
from eval.extractors import distance_name, kid_name
from eval.metrics.features import Features, check_comparable
from eval.metrics.too_few import too_few
from eval.provenance import RESAMPLING, code_of
from eval.records import ALONE
from eval.uncertainty.gram import Gram, Matrix, distinct
from eval.uncertainty.neighbours import Distances
from eval.uncertainty.records import Estimate, Uncertainty, place
from eval.uncertainty.resampling import distance_replicates, mean_replicates, replicates
from eval.uncertainty.segmentation import segmentation_replicates, segmentation_values

if TYPE_CHECKING:
    from eval.uncertainty.content import PerImage

SEEN = ("sha256", "size", "filter", "levels", "legacy_rounding")
"""What decides the images that an extractor is given, of `Features`."""
SMALLEST = 10
"""Images of a set below which there is no sampling uncertainty: too few of the resampled sets are alike."""
UNCHANGED = "no draw of the images changes it"
"""Why there is no deviation where all draws agree, as on a recall of 0: that of other images may be another."""


@dataclass(frozen=True)
class FeatureSets:
    """The features that one extractor has of a set of images, and of each set of real ones."""

    generated: Features
    reals: Mapping[str, Features]

    @property
    def kind(self) -> str:
        """The extractor's name."""
        return self.generated.extractor.kind


@dataclass(frozen=True)
class Measured:
    """A record, and the replicates behind it by the record's places."""

    record: Uncertainty
    replicates: dict[str, Matrix]


def measure(
    task: str,
    generated: Features,
    reals: Mapping[str, Features],
    content: Mapping[str, PerImage],
    k: int,
    count: int = REPLICATES,
    seed: int = 0,
    beside: Sequence[FeatureSets] = (),
) -> Measured:
    """Measure one set of images against each set of real ones; `content` has a number an image for each metric of it.

    `beside` has features of the same images by other extractors: of these the distances are measured, under names of
    their own. Raises UserError for features that are not comparable, or are of other images.
    """
    first = FeatureSets(generated, reals)
    _check_distinct([first, *beside])
    found = {ALONE: _without_reals(generated, content, count, seed)}
    found |= _against_each(first, lambda real: _against(generated, real, k, count, seed))
    for other in beside:
        _check_same_images(first, other)
        for real_set, part in _distances_of(other, count, seed).items():
            found[real_set] = found[real_set].joined(part)
    record = Uncertainty(
        task=task,
        seed=seed,
        replicates=count,
        k=k,
        images={"generated": len(generated), **{name: len(real) for name, real in reals.items()}},
        beside={other.kind: other.generated.extractor_hash for other in beside},
        metrics={real_set: part.estimates() for real_set, part in found.items()},
        missing={real_set: part.missing for real_set, part in found.items() if part.missing},
        code=code_of(*RESAMPLING),
    )
    drawn = {place(real_set, name): one for real_set, part in found.items() for name, one in part.replicates.items()}
    return Measured(record, drawn)


@dataclass(frozen=True)
class _Part:
    """What is measured against one set of real images, or none: values, replicates, and why others have no value."""

    values: dict[str, float]
    replicates: dict[str, Matrix]
    missing: dict[str, str]
    images: int
    """Of the smaller set."""
    undrawn: str = "not every draw of the images has the metric"
    """Why a metric of enough images has no replicates."""

    def estimates(self) -> dict[str, Estimate]:
        return {name: self._estimate(name, value) for name, value in self.values.items()}

    def _estimate(self, name: str, value: float) -> Estimate:
        drawn = self.replicates.get(name)
        if drawn is not None and not np.allclose(drawn, drawn[0], rtol=1e-9, atol=0):
            return Estimate(value=value, sampling_sd=float(drawn.std(ddof=1)))
        undrawn = f"a set has fewer than {SMALLEST} images" if self.images < SMALLEST else self.undrawn
        return Estimate(value=value, sampling_sd=None, reason=undrawn if drawn is None else UNCHANGED)

    def joined(self, other: _Part) -> _Part:
        drawn = self.replicates | other.replicates
        return replace(self, values=self.values | other.values, replicates=drawn, missing=self.missing | other.missing)


def _check_distinct(sets: Sequence[FeatureSets]) -> None:
    """Raise UserError for two sets of features by one extractor, whose distances would have one name."""
    kinds = [each.kind for each in sets]
    if twice := [kind for kind in dict.fromkeys(kinds) if kinds.count(kind) > 1]:
        raise UserError(f"There are features of {twice[0]} twice: give those of each extractor once.")


def _check_same_images(first: FeatureSets, other: FeatureSets) -> None:
    """Raise UserError unless two extractors have seen the same files of every set, resized alike."""
    pairs = [(first.generated, other.generated), *((real, other.reals[name]) for name, real in first.reals.items())]
    for name in SEEN:
        if any(getattr(a, name) != getattr(b, name) for a, b in pairs):
            raise UserError(
                f"The features of {other.kind} are of other images than those of {first.kind} ({name} differs): extract"
                " them of the same folders again, with the same options."
            )


def _against_each(sets: FeatureSets, compare: Callable[[Features], _Part]) -> dict[str, _Part]:
    """Compare with each set of real images, once for equal ones, as paired and full may be."""
    found: dict[str, _Part] = {}
    for name, real in sets.reals.items():
        check_comparable(real, sets.generated)
        same = next((other for other in found if np.array_equal(sets.reals[other].features, real.features)), None)
        found[name] = found[same] if same else compare(real)
    return found


def _distances_of(sets: FeatureSets, count: int, seed: int) -> dict[str, _Part]:
    """Measure both distances of a further extractor, by their own names, against each set of real images."""
    names = {"frechet_distance": distance_name(sets.kind), "KID": kid_name(sets.kind)}

    def compare(real: Features) -> _Part:
        fewest = min(len(sets.generated), len(real))
        if missing := too_few(fewest, k=1):
            return _Part({}, {}, {name: missing[usual] for usual, name in names.items()}, fewest)
        gram = Gram.of(sets.generated.features, real.features)
        drawn = distance_replicates(gram, count, seed) if min(fewest, len(gram.real)) >= SMALLEST else {}
        values = {names[name]: value for name, value in gram.distances().items()}
        return _Part(values, {names[name]: one for name, one in drawn.items()}, {}, fewest)

    return _against_each(sets, compare)


def _without_reals(generated: Features, content: Mapping[str, PerImage], count: int, seed: int) -> _Part:
    """Measure what the images themselves tell: content kept, and segmentation where there are label maps."""
    values = {name: float(each.mean()) for name, each in content.items()}
    confusion, enough = generated.confusion, len(generated) >= SMALLEST
    drawn = {name: mean_replicates(each, count, seed) for name, each in content.items()} if enough else {}
    if confusion is None:
        return _Part(values, drawn, {}, len(generated))
    scored = segmentation_values(confusion)
    drawn |= segmentation_replicates(confusion, count, seed) if enough else {}
    missing = {name: "no class occurs" for name, value in scored.items() if math.isnan(value)}
    known = {name: value for name, value in scored.items() if name not in missing}
    whole = {name: one for name, one in drawn.items() if np.isfinite(one).all()}
    return _Part(values | known, whole, missing, len(generated))


def _against(generated: Features, real: Features, k: int, count: int, seed: int) -> _Part:
    """Measure what features tell against one set of real images."""
    values, missing = _values(generated, real, k)
    smallest = min(len(generated), len(distinct(real.features)[0]))
    drawn = replicates(generated.features, real.features, k, count, seed) if smallest >= SMALLEST else {}
    too_near = f"half of a set, {smallest // 2} images, has no more than half of k = {k}"
    return _Part(values, drawn, missing, smallest, too_near)


def _values(generated: Features, real: Features, k: int) -> tuple[dict[str, float], dict[str, str]]:
    """Return each metric against one set of real images, and why others have no value."""
    missing = too_few(min(len(generated), len(real)), k)
    if "KID" in missing:
        return {}, missing
    gram = Gram.of(generated.features, real.features)
    values = gram.distances()
    return values if missing else values | Distances.of_all(gram).metrics(k)._asdict(), missing
