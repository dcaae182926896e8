"""Metrics that a set of images is too small for."""

from __future__ import annotations

DISTANCES = ("frechet_distance", "KID")
NEIGHBOURS = ("precision", "recall", "recall_exact", "density", "coverage")


def too_few(images: int, k: int) -> dict[str, str]:
    """Return the metrics that cannot be computed of a set, the smaller of two, each with the reason."""
    if images < 2:
        return dict.fromkeys((*DISTANCES, *NEIGHBOURS), "a set has fewer than 2 images")
    if images <= k:
        return dict.fromkeys(NEIGHBOURS, f"k = {k} needs more than {k} images in each set, and one has {images}")
    return {}
