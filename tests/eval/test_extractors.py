"""What the Fréchet distance of an extractor's features is called."""

from __future__ import annotations

from typing import get_args

import pytest

from eval.config import FeatureConfig
from eval.extractors import INPUT_SIZE, ExtractorName, distance_name
from eval.records import ExtractorRecord


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("inception", "FID"),
        ("efficientnet-lite0", "FD (EfficientNet-Lite0)"),
        ("random-inception", "FD (random Inception)"),
        ("other", "FD (other)"),
    ],
)
def test_only_the_published_inception_gives_fid(kind: str, name: str) -> None:
    assert distance_name(kind) == ExtractorRecord(kind=kind).distance == name


def test_every_extractor_has_a_side_and_a_name() -> None:
    names = get_args(ExtractorName)
    assert INPUT_SIZE.keys() == set(names)
    assert len({FeatureConfig(extractor=name).distance for name in names}) == len(names)
