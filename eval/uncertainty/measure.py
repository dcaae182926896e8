"""Every metric that features and translations tell, with its sampling uncertainty."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eval.metrics.features import Features, check_comparable
from eval.metrics.too_few import too_few
from eval.records import ALONE
from eval.uncertainty.gram import Gram, Matrix
from eval.uncertainty.neighbours import Distances
from eval.uncertainty.records import Estimate, Uncertainty, place
from eval.uncertainty.resampling import REPLICATES, mean_replicates, replicates
from eval.uncertainty.segmentation import segmentation_replicates, segmentation_values

if TYPE_CHECKING:
    from eval.uncertainty.content import PerImage

SMALLEST = 10
"""Images of a set below which there is no sampling uncertainty: too few of the resampled sets are alike."""


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
) -> Measured:
    """Measure one set of images against each set of real ones; `content` has a number an image for each metric of it.

    Raises UserError for features that are not comparable.
    """
    found = {ALONE: _without_reals(generated, content, count, seed)}
    for real_set, real in reals.items():
        check_comparable(real, generated)
        same = next(
            (name for name in found if name in reals and np.array_equal(reals[name].features, real.features)), None
        )
        found[real_set] = found[same] if same else _against(generated, real, k, count, seed)
    record = Uncertainty(
        task=task,
        seed=seed,
        replicates=count,
        k=k,
        images={"generated": len(generated), **{name: len(real) for name, real in reals.items()}},
        metrics={real_set: part.estimates() for real_set, part in found.items()},
        missing={real_set: part.missing for real_set, part in found.items() if part.missing},
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

    def estimates(self) -> dict[str, Estimate]:
        return {name: self._estimate(name, value) for name, value in self.values.items()}

    def _estimate(self, name: str, value: float) -> Estimate:
        if name in self.replicates:
            return Estimate(value=value, sampling_sd=float(self.replicates[name].std(ddof=1)))
        few = f"a set has fewer than {SMALLEST} images"
        unlike = "not every draw of the images has the metric"
        return Estimate(value=value, sampling_sd=None, reason=few if self.images < SMALLEST else unlike)


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
    smallest = min(len(generated), len(real))
    drawn = replicates(generated.features, real.features, k, count, seed) if smallest >= SMALLEST else {}
    return _Part(values, drawn, missing, smallest)


def _values(generated: Features, real: Features, k: int) -> tuple[dict[str, float], dict[str, str]]:
    """Return each metric against one set of real images, and why others have no value."""
    missing = too_few(min(len(generated), len(real)), k)
    if "KID" in missing:
        return {}, missing
    gram = Gram.of(generated.features, real.features)
    once = np.ones(len(generated), dtype=np.int64), np.ones(len(real), dtype=np.int64)
    values = {"frechet_distance": gram.frechet_distance(*once), "KID": gram.kid()}
    return values if missing else values | Distances.of(gram).metrics(k)._asdict(), missing
