"""Translations under alternatives: each number as by hand, and nothing extracted that is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from enco.data.folders import list_images
from enco.data.reading import DEFAULT_READING
from enco.errors import UserError
from eval.config import Preparation
from eval.metrics.create import create_extractor
from eval.metrics.extraction import extract_features
from eval.metrics.extractor import Extractor
from eval.metrics.fid import fid
from eval.metrics.precision_recall import precision_recall
from eval.metrics.resizing import at_entrance, resized
from eval.sensitivity import measure as measuring
from eval.sensitivity.choices import Alternatives
from eval.sensitivity.measure import Translations, measure
from eval.sensitivity.real import write_real

OWN = Preparation(size=32, legacy_rounding=True)
ASKED = Alternatives(
    resize=("bilinear", "tensor"), network_resize=("bicubic",), jpeg=(30,), legacy_rounding=(False,), k=(2, 900)
)


def write_noise(folder: Path, count: int, side: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for index in range(count):
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return create_extractor("random-inception", input_size=75)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_noise(tmp_path_factory.mktemp("data") / "real", 9, 48, 0)


@pytest.fixture(scope="module")
def images(real: Path, extractor: Extractor, tmp_path_factory: pytest.TempPathFactory) -> Translations:
    """Seven translations of 32 pixels, and nine real images of 48, seven of them paired."""
    folder = write_noise(tmp_path_factory.mktemp("translated") / "images", 7, 32, 1)
    alternatives = folder.parent / "real"
    write_real(list_images(real), real, alternatives, OWN, extractor, ASKED, 8)
    return Translations(
        folder=folder,
        features=extract_features(list_images(folder), extractor, Preparation(size=32)),
        paired=extract_features(list_images(real), extractor, OWN).select([1, 2, 3, 4, 5, 6, 8]),
        real=alternatives,
        k=3,
        extractor=extractor,
        segmentation=None,
        reading=DEFAULT_READING,
    )


@pytest.fixture(scope="module")
def outcomes(images: Translations) -> Any:
    return measure(images, ASKED)


def features(folder: Path, extractor: Extractor, rows: list[int] | None = None, **preparation: Any) -> Any:
    made = extract_features(list_images(folder), extractor, Preparation(size=32, **preparation))
    return (made.select(rows) if rows else made).features


PAIRED = [1, 2, 3, 4, 5, 6, 8]


def test_each_number_is_the_one_by_hand(
    outcomes: Any, images: Translations, real: Path, extractor: Extractor, tmp_path: Path
) -> None:
    def distance(choice: str, setting: str) -> float:
        return float(outcomes[choice][setting].values["FID"])

    for kind in ("bilinear", "tensor"):
        changed = features(real, extractor, PAIRED, filter=kind, legacy_rounding=True)
        assert distance("resize", kind) == pytest.approx(fid(changed, images.features.features), abs=1e-6)
    plain = features(real, extractor, PAIRED)
    assert distance("legacy_rounding", "off") == pytest.approx(fid(plain, images.features.features), abs=1e-6)
    other = replace(extractor, resize=at_entrance("bicubic"))
    both = features(real, other, PAIRED, legacy_rounding=True), features(images.folder, other)
    assert distance("network_resize", "bicubic") == pytest.approx(fid(*both), abs=1e-6)
    for file in list_images(images.folder):
        Image.open(file).save(tmp_path / f"{file.stem}.jpg", quality=30)
    stored = features(tmp_path, extractor)
    assert distance("jpeg", "30") == pytest.approx(fid(images.paired.features, stored), abs=1e-6)
    found = precision_recall(images.paired.features, images.features.features, 2)
    assert outcomes["k"]["2"].values["recall"] == found.recall
    assert len({round(distance(choice, setting), 3) for choice, setting in MOVED}) == len(MOVED)


MOVED = [
    *(("resize", "bilinear"), ("resize", "tensor"), ("network_resize", "bicubic")),
    *(("jpeg", "30"), ("legacy_rounding", "off")),
]


def test_more_neighbours_than_images_are_a_reason(outcomes: Any) -> None:
    assert outcomes["k"]["900"].values == {}
    assert outcomes["k"]["900"].reason == "k = 900 needs more than 900 images in each set, and one has 7"


def test_what_a_choice_does_not_touch_is_not_extracted_again(
    images: Translations, monkeypatch: pytest.MonkeyPatch
) -> None:
    def extract(*_: Any, **__: Any) -> Any:
        raise AssertionError("extracted features that are there")

    monkeypatch.setattr(measuring, "extract_features", extract)
    untouched = ASKED.model_copy(update={"network_resize": (), "jpeg": ()})
    assert measure(images, untouched).keys() == {"resize", "legacy_rounding", "k"}
    with pytest.raises(AssertionError):
        measure(images, ASKED)


def test_missing_features_of_real_images_are_named(images: Translations) -> None:
    with pytest.raises(UserError, match=r"network_resize=bilinear\.npz does not exist"):
        measure(images, Alternatives(network_resize=("bilinear",)))


def test_filters_are_pils_and_torchs() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    assert resized(image, 20, "bilinear") == image.resize((20, 20), Image.Resampling.BILINEAR)
    assert resized(image, 20, "bicubic") == image.resize((20, 20), Image.Resampling.BICUBIC)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None].double()
    by_hand = interpolate(tensor, size=(20, 20), mode="bilinear", align_corners=False)[0].permute(1, 2, 0)
    assert np.abs(np.asarray(resized(image, 20, "tensor")) - by_hand.numpy()).max() <= 0.5 + 1e-4
    square = image.resize((20, 20))
    assert resized(square, 20, "tensor") is square
    entered = at_entrance("bicubic")(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255, 64)[0]
    expected = np.asarray(image.resize((64, 64), Image.Resampling.BICUBIC))
    assert np.array_equal((entered * 255).round().byte().permute(1, 2, 0).numpy(), expected)
