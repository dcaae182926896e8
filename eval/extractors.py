"""The feature extractors by name: the side of their images, and what the distances of their features are called."""

from __future__ import annotations

from typing import Literal, get_args

ExtractorName = Literal["inception", "efficientnet-lite0", "dinov2", "random-inception"]
BesideName = Literal["efficientnet-lite0", "dinov2"]
"""An extractor that can measure beside the first one of a scale."""
INPUT_SIZE = {"inception": 299, "efficientnet-lite0": 224, "dinov2": 224, "random-inception": 299}
"""Side of the images that an extractor sees, in pixels; random-inception takes others too."""
PREPARATION = {"inception": 1, "efficientnet-lite0": 1, "dinov2": 1, "random-inception": 1}
"""Versions of how an extractor resizes and normalises images, and of which of its numbers are features.

Raise one when that changes: features of two versions do not compare.
"""
FID = "FID"
IN_PRINT = {
    "efficientnet-lite0": "EfficientNet-Lite0",
    "dinov2": "DINOv2 ViT-B/14",
    "random-inception": "random Inception",
}


def distance_name(extractor: str) -> str:
    """Return what the Fréchet distance of an extractor's features is called: FID only with the published Inception."""
    return FID if extractor == "inception" else f"FD ({IN_PRINT.get(extractor, extractor)})"


def kid_name(extractor: str) -> str:
    """Return what KID is called of an extractor that measures beside the first one of a scale."""
    return f"KID ({IN_PRINT.get(extractor, extractor)})"


BESIDE = tuple((distance_name(name), kid_name(name)) for name in get_args(BesideName))
"""Both distances of each extractor that can measure beside the first one."""
