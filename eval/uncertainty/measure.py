"""Every metric that features and translations tell, with its sampling uncertainty."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eval.metrics.features import Features, check_comparable
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
    values: dict[str, dict[str, float]] = {"": {name: float(each.mean()) for name, each in content.items()}}
    found: dict[str, Matrix] = {}
    missing: dict[str, str] = {}
    if generated.confusion is not None:
        known = segmentation_values(generated.confusion)
        values[""] |= {name: value for name, value in known.items() if not math.isnan(value)}
        missing |= {name: "no class occurs" for name, value in known.items() if math.isnan(value)}
    for real_set, real in reals.items():
        check_comparable(real, generated)
        values[real_set], absent = _values(generated, real, k)
        missing |= {place(real_set, name): reason for name, reason in absent.items()}
        if min(len(generated), len(real)) >= SMALLEST:
            drawn = replicates(generated.features, real.features, k, count, seed)
            found |= {place(real_set, name): drawn[name] for name in values[real_set]}
    if len(generated) >= SMALLEST:
        found |= {name: mean_replicates(each, count, seed) for name, each in content.items()}
        if generated.confusion is not None:
            found |= segmentation_replicates(generated.confusion, count, seed)
    metrics = {
        real_set: {name: _estimate(value, found.get(place(real_set, name))) for name, value in by_name.items()}
        for real_set, by_name in values.items()
    }
    sizes = {"generated": len(generated), **{name: len(real) for name, real in reals.items()}}
    record = Uncertainty(task=task, seed=seed, replicates=count, k=k, images=sizes, metrics=metrics, missing=missing)
    return Measured(record, found)


def _values(generated: Features, real: Features, k: int) -> tuple[dict[str, float], dict[str, str]]:
    """Return each metric against one set of real images, and why others have no value."""
    smallest = min(len(generated), len(real))
    neighbours = ("precision", "recall_exact", "density", "coverage")
    if smallest < 2:
        return {}, dict.fromkeys(("FID", "KID", *neighbours), "a set has fewer than 2 images")
    gram = Gram.of(generated.features, real.features)
    once = np.ones(len(generated), dtype=np.int64), np.ones(len(real), dtype=np.int64)
    values = {"FID": gram.frechet_distance(*once), "KID": gram.kernel().kernel_distance(*once)}
    if smallest <= k:
        return values, dict.fromkeys(neighbours, f"k = {k} needs more than {k} images in each set")
    return values | Distances.of(gram).metrics(k)._asdict(), {}


def _estimate(value: float, drawn: Matrix | None) -> Estimate:
    if drawn is None:
        return Estimate(value=value, sampling_sd=None, reason=f"a set has fewer than {SMALLEST} images")
    return Estimate(value=value, sampling_sd=float(drawn.std(ddof=1)))
