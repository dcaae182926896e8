"""The feature extractors by name: the side of their images, and what the distance of their features is called."""

from __future__ import annotations

from typing import Literal

ExtractorName = Literal["inception", "efficientnet-lite0", "random-inception"]
INPUT_SIZE = {"inception": 299, "efficientnet-lite0": 224, "random-inception": 299}
"""Side of the images that an extractor sees, in pixels; random-inception takes others too."""
FID = "FID"
DISTANCES = {
    "inception": FID,
    "efficientnet-lite0": "FD (EfficientNet-Lite0)",
    "random-inception": "FD (random Inception)",
}


def distance_name(extractor: str) -> str:
    """Return what the Fréchet distance of an extractor's features is called: FID only with the published Inception."""
    return DISTANCES.get(extractor, f"FD ({extractor})")
